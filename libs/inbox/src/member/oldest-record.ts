import type { Partition } from '../slice/partition.ts';

/** Returns the time when the oldest unhandled record was written; undefined when none is known. */
export function oldestMs({
  watch: { lag, next },
  nextOffset,
}: Pick<Partition, 'watch' | 'nextOffset'>): number | undefined {
  return lag > 0n && next?.at === nextOffset ? next.timestampMs : undefined;
}
