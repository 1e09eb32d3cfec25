import type { LogEnds } from '@convergekit/broker/engine';

export interface GroupLag {
  readonly group: string;
  readonly partition: number;
  readonly committed: bigint | undefined;
  readonly end: bigint;
}

/** The partitions in which a group has not read to the log's end. An empty partition has no lag. Pure. */
export function lagsOf(
  group: string,
  committed: ReadonlyMap<number, bigint>,
  ends: readonly LogEnds[],
): readonly GroupLag[] {
  return ends
    .filter(
      ({ partition, earliest, latest }) => latest > earliest && (committed.get(partition) ?? -1n) < latest,
    )
    .map(({ partition, latest }) => ({ group, partition, committed: committed.get(partition), end: latest }));
}
