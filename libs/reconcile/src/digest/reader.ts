import type { Kysely } from 'kysely';
import type { Digest, KeyDigest } from './compare.ts';
import {
  digestsOfSql,
  digestsSql,
  estimateSql,
  type HashMode,
  keysOfSql,
  keysSql,
  type KnownSource,
  typesSql,
} from './hash-sql.ts';
import type { Prefix } from './prefix.ts';
import { type HashSession, openSession } from './session.ts';
import type { ResolvedSource } from './side.ts';

/** Reads digests and keys of one side, all of one snapshot. Memory: one row for each range or listed key. */
export interface Reader {
  digests(prefixes: readonly Prefix[], bits: number, mode: HashMode): Promise<ReadonlyMap<number, Digest>>;
  keys(prefixes: readonly Prefix[]): Promise<ReadonlyMap<string, KeyDigest>>;
  /** The same for rows with these key hashes. `hashes` is the text of a bigint[], as Postgres wrote it. */
  digestsOf(hashes: string, bits: number): Promise<ReadonlyMap<number, Digest>>;
  keysOf(hashes: string, bits: number, ranges: readonly number[]): Promise<ReadonlyMap<string, KeyDigest>>;
  close(): Promise<void>;
}

export interface ReaderOptions {
  readonly timeoutMs: number;
  readonly settleMs: number;
}

/** Opens a snapshot of a side. */
export async function openReader(
  db: Kysely<unknown>,
  source: KnownSource,
  { timeoutMs, settleMs }: ReaderOptions,
): Promise<Reader> {
  const session = await openSession(db, timeoutMs);
  const ranged = async (text: string, values?: readonly unknown[]) =>
    byRange(await session.query(text, values));
  const keyed = async (text: string, values?: readonly unknown[]) => byKey(await session.query(text, values));
  return {
    digests: (prefixes, bits, mode) => ranged(digestsSql(source, prefixes, bits, mode)),
    keys: (prefixes) => keyed(keysSql(source, prefixes, settleMs)),
    digestsOf: (hashes, bits) => ranged(digestsOfSql(source, bits), [hashes]),
    keysOf: (hashes, bits, ranges) =>
      keyed(keysOfSql(source, bits, settleMs), [hashes, `{${ranges.join(',')}}`]),
    close: () => session.close(),
  };
}

const byRange = (rows: readonly (Digest & { readonly range: string })[]): ReadonlyMap<number, Digest> =>
  new Map(rows.map((row) => [Number(row.range), row]));

const byKey = (rows: readonly (KeyDigest & { readonly key: string })[]): ReadonlyMap<string, KeyDigest> =>
  new Map(rows.map((row) => [row.key, row]));

/** Reads the types of a source's columns and the encoding of its database. Rejects with its error if it cannot be read. */
export function describeSource(
  db: Kysely<unknown>,
  source: ResolvedSource,
  timeoutMs: number,
): Promise<KnownSource> {
  return inSession(db, timeoutMs, async (session) => {
    const rows = await session.query<{ name: string; type: string; encoding: string }>(typesSql(source));
    return {
      ...source,
      types: new Map(rows.map(({ name, type }) => [name, type])),
      encoding: rows[0]?.encoding ?? 'UTF8',
    };
  });
}

/** Reads the planner's estimate of a source's rows, for a first pass. */
export function estimateRows(
  db: Kysely<unknown>,
  source: ResolvedSource,
  timeoutMs: number,
): Promise<number> {
  return inSession(db, timeoutMs, async (session) => {
    const [row] = await session.query<Plan>(estimateSql(source));
    return row?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? 0;
  });
}

async function inSession<T>(
  db: Kysely<unknown>,
  timeoutMs: number,
  read: (session: HashSession) => Promise<T>,
): Promise<T> {
  const session = await openSession(db, timeoutMs);
  try {
    return await read(session);
  } finally {
    await session.close();
  }
}

interface Plan {
  readonly 'QUERY PLAN': readonly { readonly Plan: { readonly 'Plan Rows': number } }[];
}
