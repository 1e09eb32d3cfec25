import { manualClock, waitUntil } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { ScriptedLink } from '../fixture/scripted-link.ts';
import { LoopConsumer } from './group-consumer.ts';
import type { Membership } from './link.ts';

it('a member that the group put out knows for how long, until it is in the group again', async () => {
  const clock = manualClock();
  const link = new ScriptedLink();
  const join = link.join.bind(link);
  const again = Promise.withResolvers<Membership>();
  let joins = 0;
  link.join = () => ((joins += 1) === 1 ? join() : again.promise);
  link.heartbeat = () => Promise.resolve('lost' as never);
  const handlers = {
    assigned: () => Promise.resolve(new Map([['t/0', 0n]])),
    batch: () => Promise.resolve(),
    revoked: () => undefined,
  };
  const consumer = new LoopConsumer({ link, groupId: 'g', topics: ['t'], clock, handlers });
  onTestFinished(() => consumer.stop());
  expect(consumer.outsideMs()).toBeUndefined();
  await consumer.start();
  expect(consumer.outsideMs()).toBeUndefined();
  await clock.advance(1_000);
  await waitUntil(() => joins === 2, { what: 'the member to join again' });
  await clock.advance(120_000);
  expect(consumer.outsideMs() ?? 0).toBeGreaterThanOrEqual(120_000);
  link.heartbeat = () => Promise.resolve('member');
  again.resolve(await join());
  await waitUntil(() => consumer.outsideMs() === undefined, { what: 'the membership' });
});
