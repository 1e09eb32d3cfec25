import type { PartitionAnswer } from './answers.ts';

/** A consumer of one database: the sum of its partitions. */
export interface ConsumerSum {
  readonly database: string;
  readonly consumer: string;
  readonly partitions: number;
  readonly halted: number;
  /** Records to the ends of the logs; null = not known of every partition. */
  readonly lag: bigint | null;
  /** The longest of its partitions, in milliseconds; null = not known of any. */
  readonly lagMs: number | null;
  readonly parkedKeys: number;
  readonly openGaps: number;
  readonly duplicates: number;
}

/** Sums the partitions of each consumer: what is halted first, then the longest behind, then by name. Pure. */
export function sumByConsumer(partitions: readonly PartitionAnswer[]): readonly ConsumerSum[] {
  const groups = Map.groupBy(partitions, ({ database, consumer }) => `${database} ${consumer}`);
  return [...groups.values()].flatMap(sumOf).toSorted(worstFirst);
}

function sumOf(own: readonly PartitionAnswer[]): readonly ConsumerSum[] {
  const [first] = own;
  if (first === undefined) return [];
  const lags = own.flatMap(({ lag }) => lag ?? []);
  const ages = own.flatMap(({ lagMs }) => lagMs ?? []);
  return [
    {
      ...{ database: first.database, consumer: first.consumer, partitions: own.length },
      halted: own.filter(({ halted }) => halted !== null).length,
      lag: lags.length < own.length ? null : lags.reduce((sum, lag) => sum + lag, 0n),
      lagMs: ages.length === 0 ? null : Math.max(...ages),
      parkedKeys: own.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0),
      openGaps: own.reduce((sum, { openGaps }) => sum + openGaps, 0),
      duplicates: own.reduce((sum, { duplicates }) => sum + duplicates, 0),
    },
  ];
}

const worstFirst = (a: ConsumerSum, b: ConsumerSum): number =>
  b.halted - a.halted || (b.lagMs ?? 0) - (a.lagMs ?? 0) || (a.consumer < b.consumer ? -1 : 1);
