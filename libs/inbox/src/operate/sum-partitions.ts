import { PAUSED } from '../alarms.ts';
import type { PartitionLag } from './lag.ts';

/** What the partitions of one consumer are in sum. */
export interface PartitionSum {
  readonly partitions: number;
  /** Partitions that an obstacle halted; those that an operator paused are `paused`. */
  readonly halted: number;
  readonly paused: number;
  /** Records to the ends of the logs; null = not known of every partition. */
  readonly lag: bigint | null;
  readonly parkedKeys: number;
  readonly openGaps: number;
  readonly duplicates: number;
}

/** Sums the partitions of a consumer. Pure. */
export function sumPartitions(
  own: readonly Pick<PartitionLag, 'halted' | 'lag' | 'parkedKeys' | 'openGaps' | 'duplicates'>[],
): PartitionSum {
  const lags = own.flatMap(({ lag }) => lag ?? []);
  return {
    partitions: own.length,
    halted: own.filter(({ halted }) => halted !== null && halted.code !== PAUSED).length,
    paused: own.filter(({ halted }) => halted?.code === PAUSED).length,
    lag: lags.length < own.length ? null : lags.reduce((sum, lag) => sum + lag, 0n),
    parkedKeys: own.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0),
    openGaps: own.reduce((sum, { openGaps }) => sum + openGaps, 0),
    duplicates: own.reduce((sum, { duplicates }) => sum + duplicates, 0),
  };
}
