import { expect, it, onTestFinished } from 'vitest';
import { ScriptedLink } from '../fixture/scripted-link.ts';
import { LoopConsumer } from './group-consumer.ts';

// Planted fault: a session that sends each commit by itself has two requests.
it('offsets that are committed in one turn of the event loop are one request, with the last of each partition', async () => {
  const link = new ScriptedLink();
  link.assigned = [0, 1].map((partition) => ({ topic: 't', partition }));
  const consumer = new LoopConsumer({
    link,
    groupId: 'g',
    topics: ['t'],
    maxWaitMs: 5,
    handlers: {
      assigned: () => Promise.resolve(new Map([0, 1].map((partition) => [`t/${partition}`, 0n]))),
      batch: () => Promise.resolve(),
      revoked: () => undefined,
    },
  });
  onTestFinished(() => consumer.stop());
  await consumer.start();
  const [first, second] = [consumer.control('t', 0), consumer.control('t', 1)];
  await Promise.all([first?.commit(1n), second?.commit(5n), first?.commit(2n)]);
  await second?.commit(6n);
  expect(link.commits).toEqual([
    [
      { topic: 't', partition: 0, offset: 2n },
      { topic: 't', partition: 1, offset: 5n },
    ],
    [{ topic: 't', partition: 1, offset: 6n }],
  ]);
});
