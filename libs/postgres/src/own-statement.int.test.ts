import { freshDatabase } from '@convergekit/testing';
import { StatementTap } from '../../testing/src/fixture/statement-tap.ts';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { connect, type Database } from './connect.ts';

let database: Database;
let tap: StatementTap;
beforeEach(async () => {
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl), max: 1 });
  tap = new StatementTap();
  tap.attach('own', database.pool);
  await database.executor.query('create table thing (n int not null)');
  // A session is looked at with its first statement that has values.
  await database.executor.query('select $1::int', [1]);
  await database.executor.query('select $1::int', [1]);
  // The settings are parsed once in a session.
  await settings();
  tap.clear();
});
afterEach(() => database.close());

const sent = (): readonly (readonly string[])[] =>
  tap.transactions.map(({ statements }) => statements.map(({ text }) => text.trim().split(' ', 2).join(' ')));
const things = async (): Promise<number> =>
  (await database.executor.query<{ n: number }>('select count(*)::int as n from thing where n > $1', [0]))
    .rows[0]?.n ?? -1;
const settings = async (): Promise<readonly (string | undefined)[]> => {
  const names = ['transaction_isolation', 'transaction_read_only', 'TimeZone', 'DateStyle'];
  const { rows } = await database.executor.query<{ value: string }>(
    'select current_setting(name) as value from unnest($1::text[]) as name',
    [names],
  );
  return rows.map(({ value }) => value);
};
const OWN = ['read committed', 'off', 'UTC', 'ISO, MDY'];

it('a statement of the kit is a transaction without BEGIN and COMMIT, with all settings', async () => {
  expect(await settings()).toEqual(OWN);
  expect(sent()).toEqual([['select /*', 'select current_setting(name)']]);
});

it('a statement of the kit that fails leaves nothing, and its settings end with it', async () => {
  const failing = 'with made as (insert into thing values (1) returning n) select n / $1::int from made';
  await expect(database.executor.query(failing, [0])).rejects.toMatchObject({ code: '22012' });
  expect(await things()).toBe(0);
  await database.executor.query('insert into thing values ($1)', [1]);
  expect(await things()).toBe(1);
  const client = await database.acquire();
  const { rows } = await client.query<{ zone: string }>(`select current_setting('search_path') as zone`);
  expect(rows[0]?.zone).toBe('"$user", public');
  client.release();
});

// Planted fault: without the settings of BEGIN, or without the second try, the statement runs as the session has it.
it('a session whose defaults were changed gets BEGIN after all', async () => {
  const client = await database.acquire();
  await client.query(`set default_transaction_isolation = 'repeatable read'`);
  await client.query('set default_transaction_read_only = on');
  client.release();
  expect(await settings()).toEqual(OWN);
  await database.executor.query('insert into thing values ($1)', [1]);
  expect(await things()).toBe(1);
});
