/** A key that this worker holds until `leased_until`, with its stored history. */
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
  /** The time for which this drift has been observed unchanged, in milliseconds; null if none was. */
  readonly driftAgeMs: number | null;
  readonly lastVersionWritten: bigint | null;
}
