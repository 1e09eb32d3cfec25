import type { PausedAlarm } from '../alarms.ts';
import type { PartitionRow } from '../member/partition-sql.ts';
import type { Standstill } from '../member/standstill.ts';
import type { KnownTypes } from '../member/type-sql.ts';
import type { Seen } from '../plan/judge.ts';
import type { Halt, Stand } from './fence-sql.ts';
import type { MovedMark } from '../plan/judge.ts';

/** The reason why a partition waits, and resumes by itself. */
export interface Pause {
  readonly code: PausedAlarm;
  readonly reason: string;
  /** Milliseconds; undefined: unknown, so the partition probes with growing pauses. */
  readonly forMs: number | undefined;
}

/** A pause, and when the partition began to wait: in milliseconds of the monotonic clock. */
export interface TimedPause extends Pause {
  readonly since: number;
}

/**
 * The state of a partition: that of the database as long as the fence confirms it, and beyond it by the deferred events.
 */
export interface Standing extends Stand {
  readonly topicId: string | null;
  readonly watermarks: ReadonlyMap<string, Seen>;
  /** The parked keys: one of them may have been released since, none can be missing. */
  readonly held: ReadonlySet<string>;
  /** Obstacles up to this offset are passed, by an operator's decision or by policy. */
  readonly passOffset: bigint | undefined;
  /** Offsets of records that an operator rejected as forged. */
  readonly rejected: ReadonlySet<bigint>;
  /** Events of `consumers fill` wait in the database: they come before anything else. */
  readonly filled: boolean;
  /** The registered types, as last read. */
  readonly known: KnownTypes;
}

/** The reason why a partition waits, if it does. `interrupted`: the pause that a halt replaced. */
export type Waiting =
  | { readonly kind: 'running' }
  | { readonly kind: 'paused'; readonly pause: TimedPause }
  | { readonly kind: 'halted'; readonly halt: Halt; readonly interrupted: TimedPause | undefined };

/** The result of the last look at the log. */
export interface Watch {
  /** Records behind the end of the log. */
  readonly lag: bigint;
  /** The next record, where one was seen; `at` is the partition's offset then. */
  readonly next: { readonly at: bigint; readonly timestampMs: number } | undefined;
  /** The time for which the partition has stood still without a reason. */
  readonly standstill: Standstill | undefined;
}

export interface Counts {
  readonly handled: number;
  readonly duplicates: number;
  /** Events of types that this consumer does not handle. */
  readonly skipped: number;
  /** The number of waiting events, including the first of each key. */
  readonly parked: number;
  /** Events that the business refused. */
  readonly rejected: number;
  readonly deadLetters: number;
  readonly gaps: number;
}

export const noCounts: Counts = Object.freeze({
  handled: 0,
  duplicates: 0,
  skipped: 0,
  parked: 0,
  rejected: 0,
  deadLetters: 0,
  gaps: 0,
});

export interface SliceBounds {
  readonly sliceMs: number;
  readonly sliceSize: number;
}

export interface Loaded {
  readonly row: Omit<PartitionRow, 'topic' | 'partition' | 'haltedOffset'>;
  readonly watermarks: ReadonlyMap<string, Seen> | undefined;
  readonly held: ReadonlySet<string> | undefined;
  readonly known: KnownTypes | undefined;
}

export interface Committed {
  readonly next: Stand;
  /** The highest mark of each source and epoch. */
  readonly marks: readonly MovedMark[];
  /** Keys that are parked since this slice. */
  readonly opened: readonly string[];
  readonly tookMs: number;
}
