import type { Executor } from '@convergekit/postgres';
import { acquireLease } from '@convergekit/postgres/engine';
import { beforeEach, expect, test } from 'vitest';
import { closeAfterEach, withDatabase } from '../fixture/running.ts';
import { LEASE } from '../options.ts';
import { recordAcceptance } from './accept-sql.ts';
import { forgetTopic } from './forget-sql.ts';
import { advanceHold, holdTopic, readTopic } from './topic-sql.ts';

/** The rows of topics, which a leader and operators write at the same time. */
closeAfterEach();
let executor: Executor;
const acting = { by: 'ann', reason: 'looked at it' };
const heldAt = async () => (await readTopic(executor, 't'))?.heldAt;
const hold = (at: bigint) =>
  holdTopic(executor, { lease: LEASE, term: 1n }, { topic: 't', heldAt: at, reason: 'TOPIC_MISSING: gone' });

beforeEach(async () => {
  ({ executor } = (await withDatabase()).database);
  await acquireLease(executor, { name: LEASE, holder: 'a', ttlMs: 60_000 });
  await executor.query('update converge.relay_source set term = 1, done_tick = 7');
});

// Planted fault: the later hold in place of the earlier one. Events between the two are taken for sent, and leave unpublished.
test('a topic that is held again stays held from the first window that may miss its events', async () => {
  await hold(5n);
  await hold(9n);
  expect(await heldAt()).toBe(5n);
});

// Planted fault: a hold behind done_tick. After a crash the windows between are not read for the topic.
test('a hold advances no further than the positions that are saved', async () => {
  await hold(5n);
  expect([await advanceHold(executor, 1n, { topic: 't', read: 6n }), await heldAt()]).toEqual([7n, 7n]);
  expect([await advanceHold(executor, 1n, { topic: 't', read: 20n }), await heldAt()]).toEqual([8n, 8n]);
  expect(await advanceHold(executor, 1n, { topic: 't', read: 20n })).toBeUndefined();
});

// Planted fault: a look at the topic alone. What an operator has not seen is given up with it.
test('a topic whose hold changed since an operator looked at it is not forgotten', async () => {
  await hold(5n);
  const seen = { topic: 't', heldAt: 5n, heldReason: 'TOPIC_MISSING: gone', unsent: 0 };
  await advanceHold(executor, 1n, { topic: 't', read: 6n });
  expect([await forgetTopic(executor, seen, acting), await heldAt()]).toEqual([false, 7n]);
  expect([await forgetTopic(executor, { ...seen, heldAt: 7n }, acting), await heldAt()]).toEqual([
    true,
    undefined,
  ]);
});

// Planted fault: an acceptance before the end of the drain. Events of one key are then sent by two counts at the same time.
test('another number of partitions is recorded only when everything before it is sent', async () => {
  await hold(5n);
  const set = (what: string) => executor.query(`update converge.relay_topic set ${what}`);
  const record = () => recordAcceptance(executor, 't', 3, acting);
  await set('partitions = 2, wanted = 3');
  expect(await record()).toBe(false);
  await set('drain_to = 5');
  expect(await record()).toBe(false);
  await set('held_at = 6');
  expect([await record(), await record()]).toEqual([true, false]);
});
