import { manualClock, waitUntil } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { BrokerError } from '../broker.ts';
import { ScriptedLink } from '../fixture/scripted-link.ts';
import { LoopConsumer } from './group-consumer.ts';
import type { Membership } from './link.ts';

const handlers = {
  assigned: () => Promise.resolve(new Map([['t/0', 0n]])),
  batch: () => Promise.resolve(),
  revoked: () => undefined,
};

it('a member that the group put out knows for how long, until it is in the group again', async () => {
  const clock = manualClock();
  const link = new ScriptedLink();
  const join = link.join.bind(link);
  const again = Promise.withResolvers<Membership>();
  let joins = 0;
  link.join = () => ((joins += 1) === 1 ? join() : again.promise);
  link.heartbeat = () => Promise.resolve('lost' as never);
  const consumer = new LoopConsumer({ link, groupId: 'g', topics: ['t'], clock, handlers });
  onTestFinished(() => consumer.stop());
  expect(consumer.outside()).toBeUndefined();
  await consumer.start();
  expect(consumer.outside()).toBeUndefined();
  await clock.advance(1_000);
  await waitUntil(() => joins === 2, { what: 'the member to join again' });
  await clock.advance(120_000);
  expect(consumer.outside()?.forMs ?? 0).toBeGreaterThanOrEqual(120_000);
  link.heartbeat = () => Promise.resolve('member');
  again.resolve(await join());
  await waitUntil(() => consumer.outside() === undefined, { what: 'the membership' });
});

// Planted fault: a connection that is cut before the first join ends the service, and with it its process.
it('a member whose connection is cut at its start waits, says why, and starts when the log answers', async () => {
  const cut = new BrokerError('joining group g in the local log failed', {
    code: 'BROKER_UNREACHABLE',
    kind: 'retry',
  });
  const clock = manualClock();
  const link = new ScriptedLink();
  let isCut = true;
  link.connect = () => (isCut ? Promise.reject(cut) : Promise.resolve());
  const said: unknown[] = [];
  const log = (_level: string, text: string, fields?: object) => void said.push([text, fields]);
  const consumer = new LoopConsumer({ link, groupId: 'g', topics: ['t'], clock, handlers, log });
  onTestFinished(() => consumer.stop());
  const started = consumer.start();
  const failed = started.catch((error: unknown) => error);
  const line = async () => {
    await clock.advance(1_000);
    return said.length > 0;
  };
  await Promise.race([waitUntil(line, { what: 'a line of the log' }), started]);
  expect(said).toEqual([['joining the group fails; it is retried', { error: cut }]]);
  isCut = false;
  await clock.advance(5_000);
  expect(await failed).toBeUndefined();
});

// Planted fault: a refused login ends the member.
it('a refused login ends a start; a member whose login is refused later waits, says why, and is in the group again when it is accepted', async () => {
  const refused = new BrokerError('the broker refused the credentials', {
    code: 'NOT_AUTHENTICATED',
    kind: 'configuration',
  });
  const clock = manualClock();
  const link = new ScriptedLink();
  const join = link.join.bind(link);
  let isRefused = true;
  link.join = () => (isRefused ? Promise.reject(refused) : join());
  const options = { link, groupId: 'g', topics: ['t'], clock, handlers };
  await expect(new LoopConsumer(options).start()).rejects.toBe(refused);
  isRefused = false;
  const consumer = new LoopConsumer(options);
  onTestFinished(() => consumer.stop());
  await consumer.start();
  isRefused = true;
  link.heartbeat = () => Promise.reject(refused);
  const advanced = async (holds: () => boolean): Promise<boolean> => {
    await clock.advance(1_000);
    return holds();
  };
  await waitUntil(() => advanced(() => consumer.outside()?.error === refused), { what: 'the cause' });
  isRefused = false;
  link.heartbeat = () => Promise.resolve('member');
  await waitUntil(() => advanced(() => consumer.outside() === undefined), { what: 'the membership' });
});
