/** A range of key hashes: those whose first `bits` bits are `index`. Half-open, so neighbours share no hash. */
export interface Prefix {
  readonly bits: number;
  /** The first bits as a signed number, from -2^(bits - 1). */
  readonly index: number;
}

/** A run of hashes, lo <= hash < hi; hi null = up to the last hash. */
export interface Run {
  readonly lo: bigint;
  readonly hi: bigint | null;
}

const END = 2n ** 63n;

export function runOf({ bits, index }: Prefix): Run {
  const shift = BigInt(64 - bits);
  const hi = (BigInt(index) + 1n) << shift;
  return { lo: BigInt(index) << shift, hi: hi === END ? null : hi };
}

/** Joins adjacent ranges. Pure. */
export function runsOf(prefixes: readonly Prefix[]): readonly Run[] {
  const runs: Run[] = [];
  for (const run of prefixes.map(runOf).toSorted((a, b) => (a.lo < b.lo ? -1 : 1))) {
    const last = runs.at(-1);
    if (last?.hi === run.lo) runs.splice(-1, 1, { lo: last.lo, hi: run.hi });
    else runs.push(run);
  }
  return runs;
}

/** True if a run has every hash. */
export function isEverything({ lo, hi }: Run): boolean {
  return lo === -END && hi === null;
}

/** The signed numbers of all ranges of so many bits. */
export function allRanges(bits: number): readonly number[] {
  const half = 2 ** (bits - 1);
  return Array.from({ length: 2 * half }, (_, at) => at - half);
}
