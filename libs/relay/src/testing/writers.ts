import { type Database, type Executor, executorOfClient } from '@converge/postgres';
import { type Random, systemClock } from '@converge/runtime';

/** What the writers did, counted: a test prints it, so that a kind that never ran is seen. */
export type WriterKind =
  'plain' | 'multi-key' | 'savepoint' | 'prepared' | 'early-xid' | 'late-commit' | 'abort' | 'async' | 'bulk';

const kinds: readonly WriterKind[] = [
  'plain',
  'multi-key',
  'savepoint',
  'prepared',
  'early-xid',
  'late-commit',
  'abort',
  'async',
  'bulk',
];

/** The ledger that the checks compare with: `n` rises by one per event of a key, in commit order, under the key's row lock. */
export const ledgerSql = `
  create table ledger (key text primary key, n int not null default 0);
  insert into ledger select 'k' || i, 0 from generate_series(0, 299) i`;

export interface WriteOptions {
  readonly database: Pick<Database, 'acquire'>;
  readonly random: Random;
  readonly topic: string;
  /** The writer ends at the first transaction after this many events. */
  readonly events: number;
  readonly bulk?: number;
  readonly only?: readonly WriterKind[];
}

/** Writes transactions of every kind, one after the other. Returns how many of each kind committed. */
export async function writeMixed(options: WriteOptions): Promise<Map<WriterKind, number>> {
  const { database, random } = options;
  const done = new Map<WriterKind, number>();
  const choice = options.only ?? kinds;
  const client = await database.acquire();
  try {
    let written = 0;
    while (written < options.events) {
      const kind = choice[Math.floor(random() * choice.length)] ?? 'plain';
      written += await writeOne(executorOfClient(client), kind, options);
      done.set(kind, (done.get(kind) ?? 0) + 1);
    }
  } finally {
    client.release(true);
  }
  return done;
}

async function writeOne(tx: Executor, kind: WriterKind, options: WriteOptions): Promise<number> {
  const { random } = options;
  const pause = (most: number) => systemClock.sleep(random() * most);
  await tx.query('begin');
  if (kind === 'async') await tx.query('set local synchronous_commit = off');
  if (kind === 'early-xid') {
    await tx.query('select pg_current_xact_id()');
    await pause(40);
  }
  const count =
    kind === 'bulk' ? (options.bulk ?? 400) : kind === 'multi-key' ? 8 : 1 + Math.floor(random() * 3);
  const keys = pickKeys(random, count);
  await lockKeys(tx, keys);
  if (kind === 'savepoint') await inSavepoints(tx, keys, options.topic);
  else await emit(tx, keys, options.topic);
  if (kind === 'late-commit' || kind === 'bulk') await pause(40);
  if (kind === 'abort') {
    await tx.query('rollback');
    return 0;
  }
  if (kind !== 'prepared') {
    await tx.query('commit');
    return keys.length;
  }
  const gid = `p${random().toString(36).slice(2)}${random().toString(36).slice(2)}`;
  await tx.query(`prepare transaction '${gid}'`);
  await pause(40);
  await tx.query(`${random() < 0.2 ? 'rollback' : 'commit'} prepared '${gid}'`);
  return keys.length;
}

function pickKeys(random: Random, count: number): string[] {
  return Array.from({ length: count }, () => `k${Math.floor(random() * 300)}`);
}

/** As emit does it: locks in a statement of their own, sorted, before any id is drawn. */
async function lockKeys(tx: Executor, keys: readonly string[]): Promise<void> {
  await tx.query(
    `select pg_advisory_xact_lock(7, h) from (select distinct hashtext(k) % 2048 as h from unnest($1::text[]) k order by 1) s`,
    [keys],
  );
}

async function emit(tx: Executor, keys: readonly string[], topic: string): Promise<void> {
  await tx.query(
    `with wanted as (select k, count(*) as c from unnest($1::text[]) k group by k),
          counted as (update ledger l set n = l.n + w.c from wanted w where l.key = w.k returning l.key, l.n - w.c as base)
     insert into converge.outbox (event_id, topic, key, type, headers, payload)
     select gen_random_uuid(), $2, s.k, 'test.event', '{}', json_build_object('key', s.k, 'n', c.base + s.r)::text
       from (select k, o, row_number() over (partition by k order by o) as r from unnest($1::text[]) with ordinality u(k, o)) s
       join counted c on c.key = s.k order by s.o`,
    [keys, topic],
  );
}

async function inSavepoints(tx: Executor, keys: readonly string[], topic: string): Promise<void> {
  await tx.query('savepoint a');
  await emit(tx, keys, topic);
  await tx.query('rollback to savepoint a');
  await tx.query('savepoint b');
  await emit(tx, keys.slice(0, 1), topic);
  await tx.query('release savepoint b');
  await emit(tx, keys.slice(1), topic);
}
