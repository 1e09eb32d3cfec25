/** The digest of a set of rows. All three must agree: each alone misses a kind of difference. */
export interface Digest {
  readonly rows: string;
  readonly xor: string;
  readonly sum: string;
}

/** The digest of the rows of one key. `hot`: a row is younger than the settle window. */
export interface KeyDigest extends Digest {
  readonly hash: string;
  readonly hot: boolean;
}

export interface Both<T> {
  readonly desired: T;
  readonly actual: T;
}

/** A range whose sides differ, with the rows of the larger side. */
export interface Different {
  readonly range: number;
  readonly rows: number;
}

export function isEqual(a: Digest | undefined, b: Digest | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.rows === b.rows && a.xor === b.xor && a.sum === b.sum;
}

/** The rows of the larger side. */
export function rowsOf(a: Digest | undefined, b: Digest | undefined): number {
  return Math.max(Number(a?.rows ?? 0), Number(b?.rows ?? 0));
}

/** Lists the ranges that differ. A range that has rows on one side only differs. Pure. */
export function differentRanges({
  desired,
  actual,
}: Both<ReadonlyMap<number, Digest>>): readonly Different[] {
  const ranges = new Set([...desired.keys(), ...actual.keys()]);
  return [...ranges]
    .filter((range) => !isEqual(desired.get(range), actual.get(range)))
    .map((range) => ({ range, rows: rowsOf(desired.get(range), actual.get(range)) }))
    .toSorted((a, b) => a.range - b.range);
}

/** The keys that differ, and those of them that are compared later because a row is hot. */
export interface ListedKeys {
  readonly keys: readonly string[];
  /** Key hashes. */
  readonly hot: readonly string[];
}

/**
 * Compares keys one by one. Pure.
 * A different key whose row is hot is deferred, unless it has been different and hot for `maxAgeMs` already.
 */
export function differentKeys(
  { desired, actual }: Both<ReadonlyMap<string, KeyDigest>>,
  hotForMs: ReadonlyMap<string, number>,
  maxAgeMs: number,
): ListedKeys {
  const keys: string[] = [];
  const hot: string[] = [];
  for (const key of new Set([...desired.keys(), ...actual.keys()])) {
    const [a, b] = [desired.get(key), actual.get(key)];
    if (isEqual(a, b)) continue;
    const hash = (a ?? b)?.hash ?? '';
    const isHot = a?.hot === true || b?.hot === true;
    if (isHot && (hotForMs.get(hash) ?? 0) < maxAgeMs) hot.push(hash);
    else keys.push(key);
  }
  return { keys, hot };
}
