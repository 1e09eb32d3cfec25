import type { SourceConflict } from './sources.ts';
import type { ParkedTotals } from '../park/parking.ts';
import type { Counts, Halt, Partition } from '../slice/context.ts';
import type { Pause } from '../slice/fault.ts';
import { oldestMs } from './lag-watch.ts';
import type { Check } from '@convergekit/config';

export type PartitionStatus = {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: bigint;
  /** Records behind the end of the log, as of the last look. */
  readonly lag: bigint;
  /** When the oldest record that is not handled was written, milliseconds since 1970; undefined when there is none. */
  readonly oldestMs: number | undefined;
  /** Since this member got the partition. */
  readonly counts: Readonly<Counts>;
} & (
  | { readonly state: 'running' }
  /** It waits by itself, and goes on by itself. */
  | ({ readonly state: 'paused' } & Pick<Pause, 'code' | 'reason'>)
  | ({ readonly state: 'halted' } & Halt)
);

export interface ConsumerStatus {
  readonly consumer: string;
  /** `waiting`: our own database does not answer; nothing is given up meanwhile. */
  readonly state: 'stopped' | 'running' | 'waiting' | 'failed';
  readonly partitions: readonly PartitionStatus[];
  /** What waits outside the partitions, of all members together, as of the last count. */
  readonly parked: ParkedTotals;
  /** Sources under a name that another one has: their positions do not count. Since the start of this member. */
  readonly sourceConflicts: readonly SourceConflict[];
}

export function partitionStatus(partition: Partition): PartitionStatus {
  const { key, nextOffset, lag, counts, halted, paused } = partition;
  const { topic, partition: number } = key;
  const common = {
    topic,
    partition: number,
    nextOffset,
    lag,
    oldestMs: oldestMs(partition),
    counts: { ...counts },
  };
  if (halted !== undefined) return { ...common, state: 'halted', ...halted };
  if (paused === undefined) return { ...common, state: 'running' };
  return { ...common, state: 'paused', code: paused.code, reason: paused.reason };
}

/**
 * Does a consumer still make progress? A partition that is behind must move, or say why it does not: one that stands
 * still for longer than `limitMs` without a name is no progress, and a restart may help.
 */
export function liveCheck(partitions: Iterable<Partition>, now: number, limitMs: number): Check {
  const stuck = [...partitions].flatMap(({ key, standstill, lag }) => {
    if (standstill === undefined || now - standstill.since <= limitMs) return [];
    const seconds = Math.round((now - standstill.since) / 1_000);
    return [
      `${key.topic}/${key.partition} stands at offset ${standstill.at} for ${seconds} s, ${lag} records behind, without a reason`,
    ];
  });
  return stuck.length === 0 ? { ok: true } : { ok: false, detail: stuck.join('; ') };
}
