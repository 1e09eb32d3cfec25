import type { Outside } from '@convergekit/broker/engine';
import type { Check } from '@convergekit/config';
import { messageOf } from '@convergekit/core/engine';
import type { Waiting } from '@convergekit/postgres/engine';
import type { ParkedTotals } from '../park/parking.ts';
import type { Counts, Partition, Pause } from '../slice/partition.ts';
import type { Halt } from '../slice/fence-sql.ts';
import { oldestMs } from './oldest-record.ts';
import type { SourceConflict } from './sources.ts';

export type PartitionStatus = {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: bigint;
  /** Records behind the end of the log, as of the last look. */
  readonly lag: bigint;
  /**
   * The time when the oldest unhandled record was written, in milliseconds since 1970; undefined when there is none.
   */
  readonly oldestMs: number | undefined;
  /** The counts since this member was assigned the partition. */
  readonly counts: Counts;
} & (
  | { readonly state: 'running' }
  /** The partition waits, and resumes by itself. */
  | ({ readonly state: 'paused' } & Pick<Pause, 'code' | 'reason'>)
  | ({ readonly state: 'halted' } & Halt)
);

export interface ConsumerStatus {
  readonly consumer: string;
  /** `waiting`: the consumer's own database does not answer; nothing is given up meanwhile. */
  readonly state: 'stopped' | 'running' | 'waiting' | 'failed';
  readonly partitions: readonly PartitionStatus[];
  /** Parked events of all members together, as of the last count. */
  readonly parked: ParkedTotals;
  /** Sources that sent failure events of another source's consumer. Since the start of this member. */
  readonly sourceConflicts: readonly SourceConflict[];
}

export function partitionStatus(partition: Partition): PartitionStatus {
  const { key, nextOffset, watch, counts, waiting } = partition;
  const { topic, partition: number } = key;
  const { lag } = watch;
  const common = { topic, partition: number, nextOffset, lag, oldestMs: oldestMs(partition), counts };
  switch (waiting.kind) {
    case 'running':
      return { ...common, state: 'running' };
    case 'paused': {
      const { code, reason } = waiting.pause;
      return { ...common, state: 'paused', code, reason };
    }
    case 'halted':
      return { ...common, state: 'halted', ...waiting.halt };
  }
}

/** Returns what waits in partitions, as of the last look at their logs. */
export function waitingIn(partitions: Iterable<Partition>, nowMs: number): Waiting {
  const all = [...partitions];
  return {
    lag: all.reduce((sum, { watch }) => sum + Number(watch.lag), 0),
    oldestMs: Math.max(0, ...all.map((partition) => nowMs - (oldestMs(partition) ?? nowMs))),
  };
}

/** The time for which a rebalance may keep a member outside of its group, in milliseconds. */
export const OUTSIDE_MS = 30_000;

/** Checks that a consumer is in its group: outside of it, it gets no events, and does not know its lag. */
export function readyCheck(outside: Outside | undefined): Check {
  if (outside === undefined || outside.forMs <= OUTSIDE_MS) return { ok: true };
  const why = outside.error === undefined ? 'the group has not answered' : messageOf(outside.error);
  const detail = `it is in no group for ${Math.round(outside.forMs / 1_000)} s, so it handles no events, and its lag is unknown: ${why}`;
  return { ok: false, detail };
}

/**
 * Checks that a consumer makes progress. A partition that is behind must move or have a reason: one that stands still for
 * longer than `limitMs` without a reason fails the check, and a restart may help.
 */
export function liveCheck(partitions: Iterable<Partition>, limitMs: number): Check {
  const stuck = [...partitions].flatMap(({ key, watch: { standstill, lag } }) => {
    if (standstill === undefined || standstill.until - standstill.since <= limitMs) return [];
    const seconds = Math.round((standstill.until - standstill.since) / 1_000);
    return [
      `${key.topic}/${key.partition} stands at offset ${standstill.at} for ${seconds} s, ${lag} records behind, without a reason`,
    ];
  });
  return stuck.length === 0 ? { ok: true } : { ok: false, detail: stuck.join('; ') };
}
