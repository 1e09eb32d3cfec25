import { expect, it } from 'vitest';
import type { Admin } from '@convergekit/broker/engine';
import { checkRow, logNow } from './assign.ts';
import type { PartitionRow } from './partition-sql.ts';

// Planted fault: the end of the log is not looked at. A consumer whose log lost its last records waits behind it, and passes over
// what is written there until then.
it.each([
  [6n, 'offset_out_of_range'],
  [7n, undefined],
  [9n, undefined],
  [10n, 'offset_out_of_range'],
])('a consumer at offset %s of a log from 7 to 9 is halted by %s', (nextOffset, code) => {
  const row = { topic: 'orders', partition: 0, nextOffset, topicId: null, halted: undefined };
  const ends = { partition: 0, earliest: 7n, latest: 9n };
  expect(checkRow('stock', row as unknown as PartitionRow, null, ends)?.code).toBe(code);
});

it('a topic that is made again while its log is read is named as made again, whichever question it comes between', async () => {
  const at = { partition: 0, earliest: 0n };
  const old = { topicId: 'old', ends: [{ ...at, latest: 40n }] };
  let now = old;
  const answer = <T>(found: T): Promise<T> => {
    now = { topicId: 'new', ends: [{ ...at, latest: 0n }] };
    return Promise.resolve(found);
  };
  const admin = {
    describeTopic: () => answer({ topicId: now.topicId }),
    partitionEnds: () => answer(now.ends),
  } as unknown as Admin;
  const { topicId, ends } = await logNow(admin, 'orders');
  const row = { topic: 'orders', partition: 0, nextOffset: 40n, topicId: 'old', halted: undefined };
  const found = ends.get(0);
  expect(found).toMatchObject({ partition: 0 });
  expect(checkRow('stock', row as unknown as PartitionRow, topicId, found as never)?.code).toBe(
    'topic_recreated',
  );
});

it('a topic that is gone when its id is read is unknown, and no records are taken for lost', async () => {
  const admin = {
    describeTopic: () => Promise.resolve(undefined),
    partitionEnds: () => Promise.resolve([{ partition: 0, earliest: 0n, latest: 0n }]),
  } as unknown as Admin;
  await expect(logNow(admin, 'orders')).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
});
