import type { Executor } from '@convergekit/postgres';
import type { Databases } from '../definition.ts';
import type { Reconciler } from '../reconciler.ts';
import { readChunk } from '../runs/sweep.ts';
import { diffKey, type FieldDiff, type KeyDiff, recordedFields } from './diff-key.ts';
import { type DriftFilter, type DriftRow, readDriftRows } from './drift-sql.ts';

/** A declared reconciler with its two databases. */
export interface OpenReconciler extends Databases<unknown, unknown> {
  readonly declared: Reconciler;
}

/** The differences of a reconciler's keys. `looked` is the number of compared keys; `more`: others may follow. */
export interface Differences {
  readonly looked: number;
  readonly more: boolean;
  /** Why parts of the keys could not be read. */
  readonly unknown: readonly string[];
  readonly keys: readonly KeyDiff[];
}

/**
 * Compares one key, or those that the scan lists until `limit` of them differ.
 * Keys are read in read-only transactions; a scan is asked to write nothing (`readOnly`).
 */
export async function diffKeys(
  open: OpenReconciler,
  { key, limit }: { readonly key?: string | undefined; readonly limit: number },
): Promise<Differences> {
  const { declared } = open;
  if (key !== undefined) return { looked: 1, more: false, unknown: [], keys: [await diffOne(open, key)] };
  const keys: KeyDiff[] = [];
  const seen = new Set<string>(); // a scan of both sides may list a key twice
  const unknown: string[] = [];
  const context = { reconciler: declared.name, after: null, everything: true, readOnly: true };
  for await (const chunk of declared.keys.scan(open, context)) {
    const parts = readChunk(chunk);
    if (parts.unknown !== undefined) unknown.push(parts.unknown);
    for (const one of parts.keys) {
      if (seen.has(one)) continue;
      seen.add(one);
      const found = await diffOne(open, one);
      if (found.verdict !== 'in_sync') keys.push(found);
      if (keys.length >= limit) return { looked: seen.size, more: true, unknown, keys };
    }
  }
  return { looked: seen.size, more: false, unknown, keys };
}

/** Compares one key in read-only transactions of its own: a side that cannot be read aborts no other key. */
function diffOne(open: OpenReconciler, key: string): Promise<KeyDiff> {
  return readOnly(open, (databases) => diffKey(open.declared, databases, key));
}

/** A divergent key, and its fields side by side. */
interface DriftKey extends Omit<DriftRow, 'recorded' | 'lastWritten'> {
  /** When the fields were read. */
  readonly compared:
    | { readonly kind: 'now'; readonly verdict: string; readonly reason: string | null }
    | { readonly kind: 'recorded'; readonly at: Date }
    | { readonly kind: 'never' };
  readonly fields: readonly FieldDiff[];
}

/**
 * Reads divergent keys of a reconciler. With `open`, its declaration, each is compared now, and so is a key that is named and
 * not recorded as divergent; else the fields are those of the last verdict.
 */
export async function readDrift(
  executor: Executor,
  reconciler: string,
  filter: DriftFilter,
  open?: OpenReconciler,
): Promise<readonly DriftKey[]> {
  const rows = (await readDriftRows(executor, reconciler, filter)).map(asRecorded);
  if (open === undefined) return rows;
  const found: DriftKey[] = [];
  for (const row of rows) found.push({ ...row, ...comparedNow(await diffOne(open, row.key)) });
  if (rows.length > 0 || filter.key === undefined) return found;
  const diff = await diffOne(open, filter.key);
  const { key, verdict, reason } = diff;
  return [{ key, verdict, reason, since: null, lookedAt: new Date(), nextAt: null, ...comparedNow(diff) }];
}

function comparedNow({ verdict, reason, fields }: KeyDiff): Pick<DriftKey, 'compared' | 'fields'> {
  return { compared: { kind: 'now', verdict, reason }, fields };
}

function asRecorded({ recorded, lastWritten, ...row }: DriftRow): DriftKey {
  if (recorded === null) return { ...row, compared: { kind: 'never' }, fields: [] };
  const fields = recordedFields(recorded, lastWritten);
  return { ...row, compared: { kind: 'recorded', at: new Date(recorded.at) }, fields };
}

type Sides = Databases<unknown, unknown>;

/** Runs in a read-only transaction of each side: the server refuses every write of the reads, too. */
async function readOnly<T>({ desired, actual }: Sides, run: (databases: Sides) => Promise<T>): Promise<T> {
  const source = await desired.startTransaction().setAccessMode('read only').execute();
  try {
    const target = await actual.startTransaction().setAccessMode('read only').execute();
    try {
      return await run({ desired: source, actual: target });
    } finally {
      await target.rollback().execute();
    }
  } finally {
    await source.rollback().execute();
  }
}
