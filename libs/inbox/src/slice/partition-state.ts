import type { PausedAlarm } from '../alarms.ts';
import type { PartitionRow } from '../member/partition-sql.ts';
import type { Standstill } from '../member/standstill.ts';
import type { Mark, Seen } from '../plan/judge.ts';
import type { Stand } from './fence-sql.ts';

/** Why a partition stops until an operator acts. */
export interface Halt {
  readonly code: string;
  readonly reason: string;
}

/** Why a partition waits, and resumes by itself. */
export interface Pause {
  readonly code: PausedAlarm;
  readonly reason: string;
  /** Milliseconds; undefined: unknown, so the partition probes with growing pauses. */
  readonly forMs: number | undefined;
}

/** The state of a partition in the database: true only while the fence confirms it. */
export interface Standing extends Stand {
  readonly topicId: string | null;
  /** By source: what is known of it. */
  readonly watermarks: ReadonlyMap<string, Seen>;
  /** Parked keys: one of them may have been released since, none can be missing. */
  readonly held: ReadonlySet<string>;
  /** Obstacles up to this offset are passed, by an operator's decision or by policy. */
  readonly passOffset: bigint | undefined;
  /** Offsets of records that an operator rejected as forged. */
  readonly rejected: ReadonlySet<bigint>;
  /** Events of `consumers fill` wait in the database: they come before anything else. */
  readonly filled: boolean;
}

/** Whether a partition proceeds. `interrupted`: the pause that a halt came into. */
export type Waiting =
  | { readonly kind: 'running' }
  | { readonly kind: 'paused'; readonly pause: Pause }
  | { readonly kind: 'halted'; readonly halt: Halt; readonly interrupted: Pause | undefined };

/** What the last look at the log found. */
export interface Watch {
  /** Records behind the end of the log. */
  readonly lag: bigint;
  /** The next record, where one was seen; `at` is the partition's offset then. */
  readonly next: { readonly at: bigint; readonly timestampMs: number } | undefined;
  /** Since when the partition has stood still without a reason. */
  readonly standstill: Standstill | undefined;
}

export interface Counts {
  readonly handled: number;
  readonly duplicates: number;
  /** Events of types that this consumer does not handle. */
  readonly skipped: number;
  /** Events that wait, behind their key or as its first. */
  readonly parked: number;
  /** Events that the business refused. */
  readonly rejected: number;
  readonly deadLetters: number;
  readonly gaps: number;
}

export interface SliceBounds {
  readonly sliceMs: number;
  readonly sliceSize: number;
}

/** What the database says about a partition. */
export interface Loaded {
  readonly row: Omit<PartitionRow, 'topic' | 'partition' | 'haltedOffset'>;
  readonly watermarks: ReadonlyMap<string, Seen> | undefined;
  readonly held: ReadonlySet<string> | undefined;
}

/** What a committed slice changed. */
export interface Committed {
  readonly next: Stand;
  /** The highest mark of each source and epoch. */
  readonly marks: readonly Pick<Mark, 'source' | 'position' | 'last'>[];
  /** Keys that are parked since this slice. */
  readonly opened: readonly string[];
  readonly tookMs: number;
}
