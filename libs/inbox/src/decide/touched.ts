import type { PartitionRow } from '../query/partition.ts';
import type { Partition } from '../slice/context.ts';

/** Where a partition stood before its rows were read. */
export interface Held {
  readonly partition: Partition;
  readonly nextOffset: bigint;
}

/**
 * The partitions that somebody else touched: an operator resumed, replayed or filled them. Those that moved while the
 * rows were read are at work, and notice by their fence. Pure.
 */
export function touched(held: readonly Held[], rows: readonly PartitionRow[]): readonly Partition[] {
  return held
    .filter(({ partition, nextOffset }) => {
      if (partition.nextOffset !== nextOffset) return false;
      const { topic, partition: number } = partition.key;
      const row = rows.find((one) => one.topic === topic && one.partition === number);
      if (row === undefined) return false;
      const resumed = row.halted === undefined && partition.halted !== undefined;
      const halted = row.halted !== undefined && partition.halted === undefined;
      return resumed || halted || row.nextOffset !== nextOffset || (row.filled && row.halted === undefined);
    })
    .map(({ partition }) => partition);
}
