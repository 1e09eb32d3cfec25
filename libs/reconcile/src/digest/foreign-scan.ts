import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Kysely } from 'kysely';
import type { ScanChunk } from '../definition.ts';
import { type Digest, isEqual, rowsOf } from './compare.ts';
import { type DigestTableRow, type ForeignSide, readDigestTable, type TableDigests } from './digest-table.ts';
import type { KnownSource } from './hash-sql.ts';
import type { Tuning } from './options.ts';
import { digestTableSql, portableDigestsSql, portableKeysSql } from './portable-sql.ts';
import { type HashSession, openSession } from './session.ts';

/** The Postgres side and the other one, with the database that has its digest table. */
export interface ForeignPass {
  readonly reconciler: string;
  readonly tuning: Tuning;
  readonly ours: { readonly db: Kysely<unknown>; readonly source: KnownSource };
  readonly theirs: { readonly db: Kysely<unknown>; readonly side: ForeignSide };
}

/** Buckets whose keys are read in one statement. */
const LISTED_BUCKETS = 32;

/**
 * Compares a table with the digests that another engine wrote, and yields the keys of differing buckets. Every pass reads the
 * whole table. A row of ours that changed after the digests were made is not compared.
 */
export async function* runForeignPass({
  reconciler,
  tuning,
  ours,
  theirs,
}: ForeignPass): AsyncGenerator<ScanChunk> {
  const table = await readTable(theirs.db, theirs.side, tuning);
  if (table.kind === 'unknown') {
    yield { unknown: table.reason };
    return;
  }
  const session = await openSession(ours.db, tuning.timeoutMs);
  try {
    const digits = theirs.side.digits;
    const rows = await session.query<Digest & { bucket: string }>(portableDigestsSql(ours.source, digits));
    const digests = new Map(rows.map((row) => [row.bucket, row]));
    const buckets = [...new Set([...digests.keys(), ...table.digests.keys()])];
    const different = buckets.filter((bucket) => !isEqual(digests.get(bucket), table.digests.get(bucket)));
    const compared = buckets.reduce(
      (sum, bucket) => sum + rowsOf(digests.get(bucket), table.digests.get(bucket)),
      0,
    );
    record(reconciler, { equal: buckets.length - different.length, different: different.length }, compared);
    yield { compared };
    for (let at = 0; at < different.length; at += LISTED_BUCKETS) {
      const some = different.slice(at, at + LISTED_BUCKETS);
      yield* list(session, ours.source, theirs.side, table, some);
    }
  } finally {
    await session.close().catch(() => undefined);
  }
}

async function readTable(
  db: Kysely<unknown>,
  side: ForeignSide,
  { timeoutMs }: Tuning,
): Promise<TableDigests> {
  const session = await openSession(db, timeoutMs);
  try {
    return readDigestTable(side, await session.query<DigestTableRow>(digestTableSql(side.table)));
  } finally {
    await session.close().catch(() => undefined);
  }
}

interface OurKey extends Digest {
  readonly key: string;
  readonly bucket: string;
  readonly newer: boolean;
}

async function* list(
  session: HashSession,
  source: KnownSource,
  side: ForeignSide,
  table: { readonly asOf: string; readonly digests: ReadonlyMap<string, Digest> },
  buckets: readonly string[],
): AsyncGenerator<ScanChunk> {
  const keys = await session.query<OurKey>(portableKeysSql(source, side.digits), [table.asOf, buckets]);
  const settled = keys.filter(({ newer }) => !newer);
  if (side.list === undefined) {
    yield settled.map(({ key }) => key);
    const hidden = buckets.filter(
      (bucket) =>
        Number(table.digests.get(bucket)?.rows ?? 0) > keys.filter((row) => row.bucket === bucket).length,
    );
    if (hidden.length > 0)
      yield {
        unknown: `${hidden.length} buckets of ${side.name} have keys that we have not; give \`list\` to find them`,
      };
    return;
  }
  const foreign = new Map<string, Digest>();
  for (const { key, xor, sum } of await side.list(buckets))
    foreign.set(key, { rows: '1', xor: String(xor), sum: String(sum) });
  const newer = new Set(keys.filter((row) => row.newer).map(({ key }) => key));
  const own = new Map(keys.map((row) => [row.key, row]));
  yield [...new Set([...own.keys(), ...foreign.keys()])].filter(
    (key) => !newer.has(key) && !isEqual(own.get(key), foreign.get(key)),
  );
}

function record(reconciler: string, ranges: { equal: number; different: number }, rows: number): void {
  const labels = { [attributeNames.reconciler]: reconciler, [attributeNames.digestMode]: 'portable' };
  const { reconcileDigestRanges, reconcileDigestRows } = instruments();
  reconcileDigestRanges.add(ranges.equal, { ...labels, [attributeNames.outcome]: 'equal' });
  reconcileDigestRanges.add(ranges.different, { ...labels, [attributeNames.outcome]: 'different' });
  reconcileDigestRows.add(rows, labels);
}
