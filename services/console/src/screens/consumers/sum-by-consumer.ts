import { type PartitionSum, sumPartitions } from '@convergekit/inbox/operate';
import type { PartitionAnswer } from './answers.ts';

/** A consumer of one database: the sum of its partitions. */
export interface ConsumerSum extends PartitionSum {
  readonly database: string;
  readonly consumer: string;
  /** The longest of its partitions, in milliseconds; null = not known of any. */
  readonly lagMs: number | null;
}

/** Sums the partitions of each consumer: what is halted first, then the longest behind, then by name. Pure. */
export function sumByConsumer(partitions: readonly PartitionAnswer[]): readonly ConsumerSum[] {
  const groups = Map.groupBy(partitions, ({ database, consumer }) => `${database} ${consumer}`);
  return [...groups.values()].flatMap(sumOf).toSorted(worstFirst);
}

function sumOf(own: readonly PartitionAnswer[]): readonly ConsumerSum[] {
  const [first] = own;
  if (first === undefined) return [];
  const ages = own.flatMap(({ lagMs }) => lagMs ?? []);
  return [
    {
      ...{ database: first.database, consumer: first.consumer },
      ...sumPartitions(own),
      lagMs: ages.length === 0 ? null : Math.max(...ages),
    },
  ];
}

const worstFirst = (a: ConsumerSum, b: ConsumerSum): number =>
  b.halted - a.halted || (b.lagMs ?? 0) - (a.lagMs ?? 0) || (a.consumer < b.consumer ? -1 : 1);
