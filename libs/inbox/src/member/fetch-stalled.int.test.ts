import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { stockScene } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

// Planted fault: without its report the partition counts as running while no broker serves it.
it('G4d: a partition that gets no records is paused by name within seconds, and runs again when they arrive', async () => {
  const { scene, name, topic, events } = await stockScene(inject('stack').databaseUrl);
  onTestFinished(() => scene.close());
  const { counted } = events;
  const broker = scene.broker;
  const { cluster } = broker;
  const open = broker.consumer.bind(broker);
  broker.consumer = (options) => open({ ...options, fetchStallMs: 300 });
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event, { tx }) =>
    note(tx, event),
  );
  const service = await scene.start(consumer);
  const partition = () => service.status()[0]?.partitions.find((one) => one.topic === topic);
  await waitUntil(() => partition()?.state === 'running', { what: 'the partition' });

  cluster.log.leader = undefined;
  await cluster.log.lookedUp.next();
  await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 })]);
  await waitUntil(() => partition()?.state === 'paused', { what: 'the alarm' });
  expect(partition()).toMatchObject({
    code: 'fetch_stalled',
    reason: expect.stringMatching(/no broker/) as string,
  });

  cluster.log.leader = 1;
  await waitUntil(async () => (await lines(scene.database)).length === 1, { what: 'the event' });
  await waitUntil(() => partition()?.state === 'running', { what: 'the end of the alarm' });
});
