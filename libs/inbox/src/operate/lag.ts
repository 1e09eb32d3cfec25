import type { Admin, LogEnds } from '@convergekit/broker/engine';
import type { PartitionOverview } from './overview.ts';

/** A partition of a consumer, with the end of its log. */
export interface PartitionLag extends PartitionOverview {
  /** null = the broker has no such partition. */
  readonly logEnd: bigint | null;
  /** Records between the consumer and the end of the log; null = the end is not known. */
  readonly lag: bigint | null;
}

/** Adds the ends of the logs to the partitions of consumers. */
export async function readLag<Row extends PartitionOverview>(
  admin: Pick<Admin, 'describeTopic' | 'logEnds'>,
  partitions: readonly Row[],
): Promise<readonly (Row & PartitionLag)[]> {
  const ends = new Map<string, readonly LogEnds[]>();
  for (const topic of new Set(partitions.map((row) => row.topic)))
    ends.set(topic, (await admin.describeTopic(topic)) === undefined ? [] : await admin.logEnds(topic));
  return partitions.map((row) => {
    const logEnd = ends.get(row.topic)?.find(({ partition }) => partition === row.partition)?.latest ?? null;
    return { ...row, logEnd, lag: logEnd === null ? null : logEnd - row.nextOffset };
  });
}
