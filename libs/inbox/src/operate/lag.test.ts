import { expect, test } from 'vitest';
import { readLag } from './lag.ts';
import type { PartitionOverview } from './overview.ts';

const at = (nextOffset: bigint) => ({ topic: 'orders', partition: 0, nextOffset }) as PartitionOverview;
const admin = (latest: bigint) => ({
  describeTopic: () => Promise.resolve({ topicId: 't', partitions: [] } as never),
  logEnds: () => Promise.resolve([{ partition: 0, earliest: 0n, latest }]),
});

test('the lag behind a log that ends before the consumer is not known: its topic was made anew', async () => {
  const lags = await readLag(admin(3n), [at(1n), at(3n), at(4_711n)]);
  expect(lags.map(({ lag }) => lag)).toEqual([2n, 0n, null]);
  expect(lags.map(({ logEnd }) => logEnd)).toEqual([3n, 3n, 3n]);
});
