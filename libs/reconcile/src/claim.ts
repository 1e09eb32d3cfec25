/** A key that this worker may work on until `leased_until`, and what is remembered of it. */
export interface Claim {
  readonly reconciler: string;
  readonly key: string;
  readonly holder: string;
  readonly term: bigint;
  readonly cause: string;
  readonly failures: number;
  readonly conflicts: number;
  readonly repairs: number;
  readonly healthyStreak: number;
  readonly driftHash: string | null;
  /** How long this very drift has been seen, milliseconds; null when none was. */
  readonly driftAgeMs: number | null;
  readonly lastVersionWritten: bigint | null;
}
