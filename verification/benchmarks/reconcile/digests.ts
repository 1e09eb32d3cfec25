import { connect, type Database, migrate } from '@convergekit/postgres';
import { digestScan, markDirty, reconcileMigrations, type ScanChunk } from '@convergekit/reconcile';
import { freshDatabase } from '@convergekit/testing';
import type { World } from '../case.ts';
import type { Compared, Reladiff } from './rivals.ts';
import { CHANGE, DIFFERENCES, DIFFERENT, ordersSql, SAMPLE } from './tables-sql.ts';
import { readChunk } from '../../../libs/reconcile/src/runs/sweep.ts';

const COLUMNS = ['customer', 'amount', 'state', 'version', 'updated_at', 'note'];
const RECONCILER = { name: 'orders' };
/** Marks come in slices of this size, as a batch handler makes them. */
const SLICE = 100;

export type Tables = Awaited<ReturnType<typeof openTables>>;

export async function openTables({ stack, cleanup }: World, rows: number) {
  const open = async (): Promise<Database> =>
    connect({
      url: await freshDatabase(stack.databaseUrl, 'bench_digest'),
      applicationName: 'bench-digest',
      max: 5,
    });
  const [desired, actual] = [await open(), await open()];
  const remove = cleanup.add(async () => {
    for (const { executor } of [desired, actual]) await executor.query('drop table if exists orders');
    await desired.close();
    await actual.close();
  });
  await Promise.all(
    [desired, actual].map(async ({ executor }) => {
      for (const statement of ordersSql(rows)) await executor.query(statement);
    }),
  );
  await migrate(actual, [reconcileMigrations]);
  for (const statement of DIFFERENCES) await actual.executor.query(statement);
  return { desired, actual, remove };
}

/** One pass of a digest scan, with the rows hashed on the larger side. `first`: as if there had been none before. */
export async function digestPass({ desired, actual }: Tables, first: boolean) {
  if (first) {
    await actual.executor.query('truncate converge.reconcile_dirty');
    await actual.executor.query('update converge.reconciler set ranges = null');
  }
  const side = { table: 'orders', key: 'key', columns: COLUMNS };
  const scan = digestScan({ desired: side, actual: side, timeoutMs: 600_000 });
  const keys: string[] = [];
  let rows = 0;
  const start = performance.now();
  const chunks: AsyncIterable<ScanChunk> = scan(
    { desired: desired.db, actual: actual.db },
    { reconciler: RECONCILER.name, after: null },
  );
  for await (const chunk of chunks) {
    const parts = readChunk(chunk);
    if (parts.unknown !== undefined) throw new Error(`a pass could not compare everything: ${parts.unknown}`);
    rows += parts.compared ?? 0;
    keys.push(...parts.keys);
  }
  return { ms: performance.now() - start, keys: keys.toSorted(), rows };
}

/** Changes 1 % of the rows on both sides, chosen at random, and marks their keys. */
export async function changeOnePercent({ desired, actual }: Tables): Promise<void> {
  const keys = (await actual.executor.query<{ key: string }>(SAMPLE)).rows.map(({ key }) => key);
  await Promise.all([desired, actual].map(({ executor }) => executor.query(CHANGE, [keys])));
  for (let at = 0; at < keys.length; at += SLICE)
    await markDirty(actual.executor, RECONCILER, keys.slice(at, at + SLICE));
  // What the changes left behind is no part of the measurement.
  await Promise.all([desired, actual].map(({ executor }) => executor.query('vacuum analyze orders')));
}

export function reladiffPass(reladiff: Reladiff, { desired, actual }: Tables): Promise<Compared> {
  const url = ({ pool }: Database): string =>
    (pool.options.connectionString ?? '').replace(/^postgres:/, 'postgresql:');
  return reladiff(url(desired), url(actual), COLUMNS);
}

/** Rejects if a comparison did not find exactly the three differences. */
export function checkAnswer(who: string, { keys }: Compared): void {
  if (JSON.stringify(keys) !== JSON.stringify(DIFFERENT))
    throw new Error(
      `${who} found ${keys.length} differences (${keys.slice(0, 5).join(', ')}) instead of the three that were planted`,
    );
}
