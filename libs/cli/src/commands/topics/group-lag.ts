import type { LogEnds } from '@convergekit/broker/engine';

export interface GroupLag {
  readonly group: string;
  readonly partition: number;
  readonly committed: bigint | undefined;
  readonly end: bigint;
}

/** Where a group has not read up to the log's end. A partition that holds nothing waits for nobody. Pure. */
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
