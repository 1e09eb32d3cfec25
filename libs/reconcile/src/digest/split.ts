import type { Prefix } from './prefix.ts';

/** A range that differs and is not listed yet. */
export interface Branch {
  readonly prefix: Prefix;
  readonly rows: number;
}

/** The next ranges to read in one statement, and what is read: their keys, or the digests of their parts. */
export interface Batch {
  readonly kind: 'list' | 'divide';
  readonly batch: readonly Branch[];
  readonly rest: Branch[];
}

/** Ranges of one statement. More would make its condition long. */
const MOST_RANGES = 64;
/** A range is divided into at most 2^6 parts at once, so a statement returns at most 64 x 64 rows. */
const MOST_SPLIT_BITS = 6;
/** Hashes are not divided further: a range of 2^16 hashes has the rows of one key. */
const MOST_BITS = 48;
/** Rows of one listing, as a multiple of the rows of a leaf. */
const LISTED_LEAVES = 8;

const isLeaf = ({ prefix, rows }: Branch, leafRows: number): boolean =>
  rows <= leafRows || prefix.bits >= MOST_BITS;

/** Takes the next ranges off the end, all of one kind and depth. Pure. Depth first keeps the list of open ranges short. */
export function nextBatch(open: readonly Branch[], leafRows: number, unitRows = leafRows): Batch {
  const last = open.at(-1);
  if (last === undefined) return { kind: 'list', batch: [], rest: [] };
  const leaf = isLeaf(last, leafRows);
  const batch: Branch[] = [];
  let rows = 0;
  for (const branch of open.toReversed()) {
    const fits = batch.length === 0 || !leaf || rows + branch.rows <= unitRows * LISTED_LEAVES;
    const alike = branch.prefix.bits === last.prefix.bits && isLeaf(branch, leafRows) === leaf;
    if (!alike || !fits || batch.length >= MOST_RANGES) break;
    batch.push(branch);
    rows += branch.rows;
  }
  return { kind: leaf ? 'list' : 'divide', batch, rest: open.slice(0, open.length - batch.length) };
}

/** The depth at which the parts of the largest range fit into a leaf, if rows are spread evenly. Pure. */
export function splitBits(batch: readonly Branch[], leafRows: number): number {
  const bits = batch[0]?.prefix.bits ?? 0;
  const rows = Math.max(...batch.map((branch) => branch.rows));
  const wanted = Math.ceil(Math.log2(rows / Math.max(1, leafRows)));
  return Math.min(MOST_BITS, bits + Math.min(MOST_SPLIT_BITS, Math.max(1, wanted)));
}
