import { expect, it } from 'vitest';
import { checkRow } from './assign.ts';
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
