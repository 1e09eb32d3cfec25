import { connect, migrate } from '@convergekit/postgres';
import {
  defineReconciler,
  from,
  reconcileMigrations,
  reconcilerService,
  reportKeys,
} from '@convergekit/reconcile';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import type { Kysely } from 'kysely';
import type { World } from '../case.ts';
import type { GraphileWorker } from './rivals.ts';
import { fillItems, HOLD_SNAPSHOT, QUEUE_TABLES } from './tables-sql.ts';

export const WORKERS = 4;
const CHUNK = 1_000;
const LIMIT_MS = 900_000;

/** The times at which keys were done, in milliseconds from the start. */
export type Times = readonly number[];

/** Keys per second of a part of the run. */
export function rateOf(times: Times, from = 0, to = 1): number {
  const first = Math.floor(times.length * from);
  const last = Math.floor(times.length * to) - 1;
  const began = first === 0 ? 0 : (times[first - 1] ?? 0);
  return ((last - first + 1) / ((times[last] ?? Number.NaN) - began)) * 1000;
}

/** Queues keys, then measures one process until all are done. With `held`, a snapshot is open all the time. */
export async function runOurs(world: World, keys: number, held: boolean): Promise<Times> {
  const place = await openPlace(world, keys);
  const { database } = place;
  const times: number[] = [];
  let start = 0;
  const reconciler = defineReconciler('items', {
    keys: { scan: () => nothing() },
    desired: from<Items>('here').read(readWanted),
    actual: from<Items>('here').read(readPresent),
    compare: () => {
      times.push(performance.now() - start);
      return null;
    },
    repair: () => Promise.resolve(0),
  });
  await migrate(database, [reconcileMigrations]);
  const names = keysOf(keys);
  for (let at = 0; at < keys; at += CHUNK)
    await reportKeys(database.executor, reconciler, names.slice(at, at + CHUNK), { cause: 'bench' });
  const early = 'select 1 from converge.reconcile_key where next_at > clock_timestamp() limit 1';
  await waitUntil(async () => (await database.executor.query(early)).rowCount === 0, {
    what: 'the debounce',
    deadlineMs: LIMIT_MS,
  });
  return place.measure(held, async () => {
    start = performance.now();
    const service = reconcilerService([reconciler], { databases: { here: database }, workers: WORKERS });
    await service.start();
    await waitUntil(() => times.length >= keys, { what: `${keys} keys`, deadlineMs: LIMIT_MS });
    await service.stop();
    return times.slice(0, keys);
  });
}

/** The same work in graphile-worker: a job for each key, which replaces an earlier one. It does not exclude two runs of one key. */
export async function runGraphile(world: World, rival: GraphileWorker, keys: number): Promise<Times> {
  const place = await openPlace(world, keys);
  const { database } = place;
  const logger = new rival.Logger(() => () => undefined);
  const options = { pgPool: database.pool, logger };
  await rival.runMigrations(options);
  // In one statement: adding jobs one by one is not what is measured.
  await database.executor.query(
    `select graphile_worker.add_job('reconcile', json_build_object('key', key), job_key := key, job_key_mode := 'replace')
       from unnest($1::text[]) as key`,
    [keysOf(keys)],
  );
  const times: number[] = [];
  let start = 0;
  const reconcile = async ({ key }: { key: string }): Promise<void> => {
    await readWanted(key, database.db);
    await readPresent(key, database.db);
    times.push(performance.now() - start);
  };
  return place.measure(false, async () => {
    start = performance.now();
    const runner = await rival.run({
      ...options,
      concurrency: WORKERS,
      noHandleSignals: true,
      taskList: { reconcile },
    });
    await waitUntil(() => times.length >= keys, { what: `${keys} jobs`, deadlineMs: LIMIT_MS });
    await runner.stop();
    return times.slice(0, keys);
  });
}

const readWanted = async (key: string, db: Kysely<Items>): Promise<number | null> =>
  (await db.selectFrom('item').select('wanted').where('key', '=', key).executeTakeFirst())?.wanted ?? null;
const readPresent = async (key: string, db: Kysely<Items>): Promise<Present | null> =>
  (await db.selectFrom('item').select(['present', 'version']).where('key', '=', key).executeTakeFirst()) ??
  null;

interface Items {
  item: { key: string; wanted: number; present: number; version: number };
}

interface Present {
  readonly present: number;
  readonly version: number;
}

// eslint-disable-next-line @typescript-eslint/require-await -- a scan is asynchronous by contract
async function* nothing(): AsyncGenerator<readonly string[]> {
  yield [];
}

const keysOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `key-${index + 1}`);

async function openPlace({ stack, cleanup }: World, keys: number) {
  const url = await freshDatabase(stack.databaseUrl, 'bench_queue');
  const database = connect<Items>({ url, applicationName: 'bench-queue', max: 12 });
  const closed = cleanup.add(() => database.close());
  await database.executor.query(QUEUE_TABLES);
  await database.executor.query(fillItems(keys));
  return {
    database,
    /** Runs with or without an open snapshot, then removes the database's connections. */
    measure: async (held: boolean, run: () => Promise<Times>): Promise<Times> => {
      const holder = held ? await database.acquire() : undefined;
      try {
        for (const statement of HOLD_SNAPSHOT) await holder?.query(statement);
        return await run();
      } finally {
        holder?.release(true);
        await closed();
      }
    },
  };
}
