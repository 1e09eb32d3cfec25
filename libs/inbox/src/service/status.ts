import type { SourceConflict } from './sources.ts';
import type { Counts, Halt, Partition } from '../slice/context.ts';

export type PartitionStatus = {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: bigint;
  /** Records behind the end of the log, as of the last batch. */
  readonly lag: bigint;
  /** Since this member got the partition. */
  readonly counts: Readonly<Counts>;
} & ({ readonly state: 'running' } | ({ readonly state: 'halted' } & Halt));

export interface ConsumerStatus {
  readonly consumer: string;
  /** `waiting`: our own database does not answer; nothing is given up meanwhile. */
  readonly state: 'stopped' | 'running' | 'waiting' | 'failed';
  readonly partitions: readonly PartitionStatus[];
  /** Sources under a name that another one has: their positions do not count. Since the start of this member. */
  readonly sourceConflicts: readonly SourceConflict[];
}

export function partitionStatus({ key, nextOffset, lag, counts, halted }: Partition): PartitionStatus {
  const { topic, partition } = key;
  const common = { topic, partition, nextOffset, lag, counts: { ...counts } };
  return halted === undefined ? { ...common, state: 'running' } : { ...common, state: 'halted', ...halted };
}
