import {
  type Both,
  type Different,
  differentKeys,
  differentRanges,
  type Digest,
  type ListedKeys,
  rowsOf,
} from './compare.ts';
import type { HashMode } from './hash-sql.ts';
import type { Prefix } from './prefix.ts';
import type { Reader } from './reader.ts';
import { type Branch, nextBatch, splitBits } from './split.ts';

export interface DrillOptions {
  /** Ranges with at most so many rows are listed key by key. */
  readonly leafRows: number;
  /** Read one side after the other. */
  readonly background: boolean;
  readonly maxAgeMs: number;
  /** For how long keys have been different and hot, by key hash, in milliseconds. */
  readonly hotForMs: ReadonlyMap<string, number>;
}

/** The results of a comparison: what was counted, then differences as they are found. */
export type Found =
  | { readonly kind: 'compared'; readonly rows: ReadonlyMap<number, number>; readonly different: number }
  | ({ readonly kind: 'listed' } & ListedKeys);

const both = async <T>(
  readers: Both<Reader>,
  { background }: Pick<DrillOptions, 'background'>,
  read: (reader: Reader) => Promise<T>,
): Promise<Both<T>> => {
  if (background) return { desired: await read(readers.desired), actual: await read(readers.actual) };
  const [desired, actual] = await Promise.all([read(readers.desired), read(readers.actual)]);
  return { desired, actual };
};

/** Compares whole ranges of `bits` bits, and divides those that differ until their keys can be listed. */
export async function* compareRanges(
  readers: Both<Reader>,
  ranges: readonly number[],
  bits: number,
  mode: HashMode,
  options: DrillOptions,
): AsyncGenerator<Found> {
  const prefixes = ranges.map((index) => ({ bits, index }));
  const top = await both(readers, options, (reader) => reader.digests(prefixes, bits, mode));
  const different = differentRanges(top);
  yield { kind: 'compared', rows: rowsByRange(ranges, top), different: different.length };
  let open = different.map(branchOf(bits));
  while (open.length > 0) {
    const { batch, kind, rest } = nextBatch(open, options.leafRows);
    open = rest;
    if (kind === 'list') yield await list(readers, batch, options);
    else open.push(...(await divide(readers, batch, mode, options)));
  }
}

/** Compares the rows of reported key hashes only. */
export async function* compareHashes(
  readers: Both<Reader>,
  hashes: string,
  bits: number,
  options: DrillOptions,
): AsyncGenerator<Found> {
  const top = await both(readers, options, (reader) => reader.digestsOf(hashes, bits));
  const different = differentRanges(top);
  yield {
    kind: 'compared',
    rows: rowsByRange([...top.desired.keys(), ...top.actual.keys()], top),
    different: different.length,
  };
  let open = different.map(branchOf(bits));
  while (open.length > 0) {
    // A range has few reported keys: every one is small enough to be listed.
    const { batch, rest } = nextBatch(open, Number.MAX_SAFE_INTEGER, options.leafRows);
    open = rest;
    const indexes = batch.map(({ prefix }) => prefix.index);
    const keys = await both(readers, options, (reader) => reader.keysOf(hashes, bits, indexes));
    yield { kind: 'listed', ...differentKeys(keys, options.hotForMs, options.maxAgeMs) };
  }
}

const branchOf =
  (bits: number) =>
  ({ range, rows }: Different): Branch => ({ prefix: { bits, index: range }, rows });

function rowsByRange(
  ranges: readonly number[],
  { desired, actual }: Both<ReadonlyMap<number, Digest>>,
): ReadonlyMap<number, number> {
  return new Map(ranges.map((range) => [range, rowsOf(desired.get(range), actual.get(range))]));
}

const prefixesOf = (batch: readonly Branch[]): readonly Prefix[] => batch.map(({ prefix }) => prefix);

async function list(readers: Both<Reader>, batch: readonly Branch[], options: DrillOptions): Promise<Found> {
  const keys = await both(readers, options, (reader) => reader.keys(prefixesOf(batch)));
  return { kind: 'listed', ...differentKeys(keys, options.hotForMs, options.maxAgeMs) };
}

async function divide(
  readers: Both<Reader>,
  batch: readonly Branch[],
  mode: HashMode,
  options: DrillOptions,
): Promise<readonly Branch[]> {
  const bits = splitBits(batch, options.leafRows);
  const parts = await both(readers, options, (reader) => reader.digests(prefixesOf(batch), bits, mode));
  return differentRanges(parts).map(branchOf(bits));
}
