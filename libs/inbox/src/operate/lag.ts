import type { Admin, LogEnds } from '@convergekit/broker/engine';
import { PAUSED } from '../alarms.ts';
import type { PartitionOverview } from './overview.ts';

export interface PartitionLag extends PartitionOverview {
  /** null = the broker has no such partition. */
  readonly logEnd: bigint | null;
  /** Records between the consumer and the end of the log; null = not known: no end, or a log that was made anew. */
  readonly lag: bigint | null;
}

/** Adds the ends of the logs to the partitions of consumers. `admin` undefined = the ends are not known. */
export async function readLag<Row extends PartitionOverview>(
  admin: Pick<Admin, 'describeTopic' | 'logEnds'> | undefined,
  partitions: readonly Row[],
): Promise<readonly (Row & PartitionLag)[]> {
  const ends = new Map<string, readonly LogEnds[]>();
  if (admin !== undefined)
    for (const topic of new Set(partitions.map((row) => row.topic)))
      ends.set(topic, (await admin.describeTopic(topic)) === undefined ? [] : await admin.logEnds(topic));
  return partitions.map((row) => {
    const logEnd = ends.get(row.topic)?.find(({ partition }) => partition === row.partition)?.latest ?? null;
    return {
      ...row,
      logEnd,
      lag: logEnd === null || logEnd < row.nextOffset ? null : logEnd - row.nextOffset,
    };
  });
}

/** What the partitions of one consumer are in sum. */
export interface PartitionSum {
  readonly partitions: number;
  /** Partitions that an obstacle halted; those that an operator paused are `paused`. */
  readonly halted: number;
  readonly paused: number;
  /** Partitions whose owner waits for something that ends by itself. */
  readonly waiting: number;
  /** Records to the ends of the logs; null = not known of every partition. */
  readonly lag: bigint | null;
  readonly parkedKeys: number;
  readonly openGaps: number;
}

export function sumPartitions(
  own: readonly Pick<PartitionLag, 'halted' | 'waits' | 'lag' | 'parkedKeys' | 'openGaps'>[],
): PartitionSum {
  const lags = own.flatMap(({ lag }) => lag ?? []);
  return {
    partitions: own.length,
    halted: own.filter(({ halted }) => halted !== null && halted.code !== PAUSED).length,
    paused: own.filter(({ halted }) => halted?.code === PAUSED).length,
    waiting: own.filter(({ halted, waits }) => halted === null && waits !== null).length,
    lag: lags.length < own.length ? null : lags.reduce((sum, lag) => sum + lag, 0n),
    parkedKeys: own.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0),
    openGaps: own.reduce((sum, { openGaps }) => sum + openGaps, 0),
  };
}
