import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sagaMigrations } from '@convergekit/saga';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate, type MigrationSet } from '@convergekit/postgres';
import { reconcileMigrations } from '@convergekit/reconcile';
import { relayMigrations } from '@convergekit/relay';
import { afterAll, expect, inject, it, onTestFinished } from 'vitest';
import { freshDatabase } from './database.ts';
import { migratedDatabase } from './template.ts';
import { waitUntil } from './wait-until.ts';

const { databaseUrl: serverUrl } = inject('stack');
const server = connect({ url: serverUrl, max: 2 });
afterAll(() => server.close());

function closing<D extends Database>(database: D): D {
  onTestFinished(() => database.close());
  return database;
}

async function copyOf(sets: readonly MigrationSet[]): Promise<Database> {
  return closing((await migratedDatabase(serverUrl, sets, { prefix: 'copy', max: 2 })).database);
}

/** Migrations of one file. Its SQL is in no other test, so its template is made here. */
async function setOf(sql: string): Promise<MigrationSet> {
  const directory = await mkdtemp(join(tmpdir(), 'template-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, '001-own.sql'), `${sql}; -- ${randomBytes(8).toString('hex')}`);
  return { name: 'own', directory: pathToFileURL(directory) };
}

// Planted fault: without the lock, all but one fail because the template exists.
it('ten callers at once get ten databases, for which the migrations ran once', async () => {
  const own = await setOf('create table own as select pg_current_xact_id()::text as migrated_by, 1 as n');
  const copies = await Promise.all(Array.from({ length: 10 }, () => copyOf([own])));
  for (const { executor } of copies) await executor.query('update own set n = n + 1');
  const rows = await Promise.all(
    copies.map(async ({ executor }) => (await executor.query('select migrated_by, n from own')).rows),
  );
  expect(new Set(rows.map((found) => JSON.stringify(found))).size).toBe(1);
  expect(rows[0]).toEqual([{ migrated_by: expect.any(String), n: 2 }]);
});

// Planted fault: a template that counts as finished because it exists.
it('a template whose maker was killed is made again', async () => {
  const gate = `gate_${randomBytes(6).toString('hex')}`;
  const own = await setOf(
    `create table own (n int); do $$ begin if to_regrole('${gate}') is null then perform pg_sleep(600); end if; end $$`,
  );
  const first = copyOf([own]).then(
    () => 'made',
    () => 'failed',
  );
  const sleeping = `select pid, datname from pg_stat_activity where query like '%${gate}%' and wait_event = 'PgSleep'`;
  const [maker] = await waitUntil(
    async () => {
      const { rows } = await server.executor.query<{ pid: number; datname: string }>(sleeping);
      return rows.length > 0 ? rows : undefined;
    },
    { what: 'the migration to sleep' },
  );
  // What is left of a killed process: its lock is free, and the session in the template does not know it yet.
  const lockSql = `select pg_terminate_backend(l.pid) from pg_locks l
    where l.locktype = 'advisory' and l.granted
      and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($1, 0)`;
  expect((await server.executor.query(lockSql, [maker?.datname])).rowCount).toBe(1);
  await server.executor.query(`create role ${gate}`);
  onTestFinished(async () => {
    await server.executor.query(`drop role ${gate}`);
  });
  const { executor } = await copyOf([own]);
  expect((await executor.query('select n from own')).rows).toEqual([]);
  expect(await first).toBe('failed');
});

it('changed SQL gives another template', async () => {
  const [one, two] = [await setOf('create table own (a int)'), await setOf('create table own (b int)')];
  for (const [set, column] of [
    [one, 'a'],
    [two, 'b'],
    [one, 'a'],
  ] as const)
    expect((await (await copyOf([set])).executor.query(`select ${column} from own`)).rows).toEqual([]);
});

const kit = [outboxMigrations, relayMigrations, inboxMigrations, reconcileMigrations, sagaMigrations];

/** Every value in the rows that migrations write, by `table.column row`. */
async function valuesOf({ executor }: Database): Promise<ReadonlyMap<string, string>> {
  const { rows: tables } = await executor.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c
      where c.relkind = 'r' and c.relnamespace in ('converge'::regnamespace, 'public'::regnamespace) order by 1`,
  );
  const values = new Map<string, string>();
  for (const { name } of tables) {
    const { rows } = await executor.query(`select * from ${name} order by 1`);
    for (const [at, row] of rows.entries())
      for (const [column, value] of Object.entries(row))
        values.set(`${name}.${column} ${at}`, JSON.stringify(value));
  }
  return values;
}

function differing(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((place) => one.get(place) !== other.get(place))
    .toSorted();
}

async function migratedAnew(): Promise<Database> {
  const database = closing(connect({ url: await freshDatabase(serverUrl, 'anew'), max: 2 }));
  await migrate(database, kit);
  return database;
}

// Times of the records of what `migrate` did: nothing is decided by them.
const RECORDED = /^converge\.(migration\.applied_at|epoch\.at) \d+$/;

// Planted fault: without the renewal, all copies are the same source for a consumer.
it('what differs between two migrated databases differs between two copies, and nothing else does', async () => {
  const [anew, other] = [await valuesOf(await migratedAnew()), await valuesOf(await migratedAnew())];
  const [copy, second] = [await valuesOf(await copyOf(kit)), await valuesOf(await copyOf(kit))];
  const own = differing(anew, other).filter((place) => !RECORDED.test(place));
  expect(own).toContain('converge.source.id 0');
  expect(own).toContain('converge.source.name 0');
  expect(differing(copy, second)).toEqual(own);
  expect([...copy.keys()]).toEqual([...anew.keys()]);
});

it('a migration gives the database itself nothing that a copy would lack', async () => {
  const database = await migratedAnew();
  const { rows } = await database.executor.query(
    `select d.datacl as rights, shobj_description(d.oid, 'pg_database') as comment,
            array(select setconfig from pg_db_role_setting where setdatabase = d.oid) as settings,
            array(select oid::int from pg_subscription where subdbid = d.oid) as subscriptions,
            array(select active_pid from pg_replication_slots where database = d.datname) as slots
       from pg_database d where d.datname = current_database()`,
  );
  expect(rows).toEqual([{ rights: null, comment: null, settings: [], subscriptions: [], slots: [] }]);
});
