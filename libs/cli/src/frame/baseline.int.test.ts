import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { catalogueDifferences, readCatalogue } from '@convergekit/postgres/testing';
import { freshDatabase } from '@convergekit/testing';
import { beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { allMigrations } from './all-migrations.ts';
import { missingMigrations } from '@convergekit/postgres/operate';

/** The migrations before each package had one schema file, with their records. */
const before = gunzipSync(
  readFileSync(new URL('../fixture/before-schema.sql.gz', import.meta.url)),
).toString();
const isSchema = (name: unknown): boolean => String(name).endsWith('/001-schema');
const schemas = ['postgres', 'outbox', 'relay', 'inbox', 'reconcile', 'saga'].map(
  (name) => `${name}/001-schema`,
);

async function open(): Promise<Database> {
  const database = connect({ url: await freshDatabase(inject('stack').databaseUrl), max: 4 });
  onTestFinished(() => database.close());
  return database;
}

let database: Database;

beforeEach(async () => {
  database = await open();
  await database.executor.query(before);
});

async function recorded(): Promise<unknown[]> {
  const { rows } = await database.executor.query(
    `select package || '/' || to_char(number, 'fm000') || '-' || name as name from converge.migration order by 1`,
  );
  return rows.map(({ name }) => name);
}

it('a database of the earlier migrations is adopted with its rows, and equals a fresh one', async () => {
  await database.executor.query(`select converge.emit('shop.orders', 'one', 'shop.order.placed', '{}')`);
  await database.executor.query(
    `insert into converge.workflow (workflow, id, input, seal) values ('trip', 'two', '{}', '')`,
  );
  expect((await missingMigrations(database.executor, allMigrations)).filter(isSchema)).toEqual(schemas);
  const applied = await migrate(database, allMigrations);
  expect(
    applied.filter(({ adopted }) => adopted === true).map((one) => `${one.package}/001-${one.name}`),
  ).toEqual(schemas);
  expect(await recorded()).toEqual(
    expect.arrayContaining(
      applied.map((one) => `${one.package}/${String(one.number).padStart(3, '0')}-${one.name}`),
    ),
  );
  expect(await missingMigrations(database.executor, allMigrations)).toEqual([]);
  expect(await migrate(database, allMigrations)).toEqual([]);
  expect((await database.executor.query('select key from converge.outbox')).rows).toEqual([{ key: 'one' }]);
  expect((await database.executor.query('select id from converge.workflow')).rows).toEqual([{ id: 'two' }]);
  const fresh = await open();
  await migrate(fresh, allMigrations);
  const [wanted, found] = [await readCatalogue(fresh.executor), await readCatalogue(database.executor)];
  expect(found.length).toBeGreaterThan(500);
  expect([catalogueDifferences(wanted, found), catalogueDifferences(found, wanted)]).toEqual([[], []]);
});

it('a database in which other packages were adopted before adopts the rest', async () => {
  await migrate(
    database,
    allMigrations.filter(({ name }) => name !== 'saga'),
  );
  expect(await recorded()).toEqual(expect.arrayContaining(['postgres/001-schema', 'saga/011-workflow']));
  expect(await migrate(database, allMigrations)).toMatchObject([
    { package: 'saga', number: 1, name: 'schema', adopted: true },
    { package: 'saga', number: 2, name: 'open-work' },
    { package: 'saga', number: 3, name: 'search-of-sagas' },
    { package: 'saga', number: 4, name: 'failed-calls' },
    { package: 'saga', number: 5, name: 'paused-sagas' },
    { package: 'saga', number: 6, name: 'call-quotas' },
  ]);
  expect((await recorded()).filter(isSchema)).toEqual(schemas.toSorted());
  expect(await missingMigrations(database.executor, allMigrations)).toEqual([]);
});

it('a database that lacks the last of the earlier migrations is refused', async () => {
  const older = await open();
  await older.executor.query(before.slice(0, before.indexOf('-- saga/011-workflow')));
  await expect(migrate(older, allMigrations)).rejects.toMatchObject({
    code: 'SCHEMA_DIFFERS',
    message: expect.stringContaining('table workflow is missing') as unknown,
  });
});

it('a database with other children of the outbox, tables of an operator or revoked grants is still adopted', async () => {
  const { executor } = database;
  await executor.query('select converge.outbox_add_child(4, 1000000)');
  await executor.query('drop table converge.outbox_0');
  await executor.query('create table converge.mine (id int)');
  await executor.query('revoke execute on all functions in schema converge from public');
  await executor.query('alter table converge.outbox drop constraint outbox_id_exact');
  await executor.query(
    'alter table converge.outbox add constraint outbox_id_exact check (id between 1 and 9007199254740991) not valid',
  );
  expect(await migrate(database, allMigrations)).not.toEqual([]);
});

/** Changes of an operator by hand, each with the difference that it makes. */
const changes: readonly (readonly [change: string, difference: string])[] = [
  [
    'alter table converge.lease alter column holder drop not null',
    'table lease: column holder is "text"; the schema has "text not null"',
  ],
  [
    'alter table converge.parked add column colour text',
    'table parked: column colour is not in the schema (text)',
  ],
  [
    'alter table converge.tick drop column created_at',
    'table tick: column created_at is missing; the schema has "timestamp with time zone not null default clock_timestamp()"',
  ],
  [
    'alter table converge.source alter column epoch set default 2',
    'table source: column epoch is "integer not null default 2"; the schema has "integer not null default 1"',
  ],
  [
    'alter table converge.outbox drop constraint outbox_size',
    'table outbox: constraint outbox_size is missing',
  ],
  ['drop index converge.parked_state', 'table parked: index converge.parked_state is missing'],
  [
    'create index on converge.request (result)',
    'table request: index converge.request_result_idx is not in the schema',
  ],
  [
    `create or replace function converge.is_json(candidate text) returns boolean language sql immutable as 'select true'`,
    'function is_json(candidate text): body is',
  ],
  ['drop trigger policy_after on converge.policy', 'table policy: trigger policy_after is missing'],
  ['alter sequence converge.policy_version cache 7', 'sequence policy_version: sequence is'],
  ['drop table converge.reconcile_gap', 'table reconcile_gap is missing'],
  [
    'alter table converge.workflow alter column term drop default',
    'table workflow: column term is "bigint not null"; the schema has "bigint not null default 1"',
  ],
  [
    'alter table converge.saga_work drop constraint saga_work_check3',
    'table saga_work: constraint saga_work_check3 is missing',
  ],
  [
    'grant execute on function converge.workflow_forget(double precision) to public',
    'function workflow_forget(keep_ms double precision): grant to PUBLIC of execute is not in the schema',
  ],
  ['grant insert on converge.lease to public', 'table lease: grant to PUBLIC of insert is not in the schema'],
];

// Planted fault: without the comparison, this database is adopted.
it('a database that differs is refused and left unchanged, and every difference is named', async () => {
  await database.executor.query(changes.map(([change]) => change).join(';'));
  const names = await recorded();
  const refusal = migrate(database, allMigrations).then(
    () => 'adopted',
    (error: unknown) => error,
  );
  const { code, message } = (await refusal) as { code: string; message: string };
  expect(code).toBe('SCHEMA_DIFFERS');
  expect(changes.filter(([, difference]) => !message.includes(difference))).toEqual([]);
  const named = message.split('\n').slice(1, -1);
  expect(named.filter((line) => !/table outbox_\w+: constraint outbox_size/.test(line))).toHaveLength(
    changes.length,
  );
  expect(await recorded()).toEqual(names);
});
