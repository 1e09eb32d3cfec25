import type { Wait } from './in-flight/wait.ts';

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
