import type { Wait } from './in-flight/wait.ts';
import type { Failure } from '@convergekit/core';
import type { Mode } from './definition.ts';
import type { Pending } from './in-flight/pending.ts';

/** A key that this worker holds until `leased_until`, with its stored history. */
export interface Claim {
  readonly reconciler: string;
  readonly key: string;
  readonly holder: string;
  readonly term: bigint;
  /** The time at which the key was due, in UTC with microseconds; texts sort as times do. */
  readonly dueAt: string;
  readonly cause: string;
  readonly failures: number;
  readonly conflicts: number;
  readonly repairs: number;
  readonly healthyStreak: number;
  readonly driftHash: string | null;
  /** The time for which this drift has been observed unchanged, in milliseconds; null if none was. */
  readonly driftAgeMs: number | null;
  /** The time since this key was first found divergent and not repaired, in milliseconds; null if it was not. */
  readonly divergedForMs: number | null;
  /** The time since the present quiet window began, in milliseconds; null if none began. */
  readonly quietForMs: number | null;
  /** The time from which it was due to this claim, in milliseconds. */
  readonly waitedMs: number;
  readonly lastVersionWritten: bigint | null;
  /** The verdict of the key's last audit row that was no repair; null = none since it was in sync. */
  readonly verdict: string | null;
  /** What the key waited for at its last look. */
  readonly wait: Wait | null;
}

/** The outcome of one comparison of a key. */
export type Outcome =
  | { readonly kind: 'in_sync' }
  /** Desired changed while actual was read: the difference may be an artefact of reading. */
  | { readonly kind: 'changed' }
  /** Actual is older than this reconciler's last write: a stale view. */
  | { readonly kind: 'stale' }
  /** The drift is too young to repair, or its events are not all handled. `remainingMs`: the rest of the settle window. */
  | {
      readonly kind: 'pending';
      readonly driftHash: string | null;
      readonly pending: Pending;
      readonly wait: Wait;
      readonly remainingMs: number;
    }
  /** The mode does not allow a repair. */
  | { readonly kind: 'observed'; readonly driftHash: string; readonly mode: Exclude<Mode, 'repair'> }
  | { readonly kind: 'unresolvable'; readonly driftHash: string; readonly reason: string }
  /** The key was repaired again and again without becoming stable. */
  | { readonly kind: 'flapping'; readonly driftHash: string; readonly repairs: number }
  | { readonly kind: 'repaired'; readonly version: bigint | null }
  | { readonly kind: 'conflict'; readonly driftHash: string }
  /** The repair limit is reached: an operator must approve further repairs. `first`: this key reached it. */
  | { readonly kind: 'held'; readonly driftHash: string; readonly first: boolean }
  /** A side could not be read, such as after a timeout: neither equal nor divergent. */
  | { readonly kind: 'unknown'; readonly side: 'desired' | 'actual'; readonly failure: Failure }
  /** The kit rolled the repair back: it broke an invariant, or changed what it may not. */
  | { readonly kind: 'refused'; readonly driftHash: string | null; readonly failure: Failure }
  | { readonly kind: 'failed'; readonly driftHash: string | null; readonly failure: Failure };

export type OutcomeKind = Outcome['kind'];
