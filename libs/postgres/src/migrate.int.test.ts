import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { freshDatabase } from '@convergekit/testing';
import { beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { connect, type Database } from './connect.ts';
import type { MigrationSet } from './migration-files.ts';
import { migrate, requireMigrations } from './migrate.ts';

let database: Database;

beforeEach(async () => {
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl), max: 20 });
  return () => database.close();
});

async function setOf(files: Record<string, string>): Promise<MigrationSet> {
  const directory = await mkdtemp(join(tmpdir(), 'migrations-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return { name: 'shop', directory: pathToFileURL(directory) };
}

const one = { '001-item.sql': 'create table item (id int); insert into item values (1);' };
const two = { ...one, '002-price.sql': 'alter table item add price int;' };

async function names(): Promise<unknown[]> {
  const { rows } = await database.executor.query(
    `select package, number, name from converge.migration where package = 'shop' order by 1, 2`,
  );
  return rows;
}

it('concurrent migrations apply everything exactly once', async () => {
  const set = await setOf(two);
  const applied = await Promise.all(Array.from({ length: 12 }, () => migrate(database, [set])));
  const [all, ...others] = applied.filter((list) => list.length > 0);
  expect(others).toEqual([]);
  expect(all?.filter(({ package: owner }) => owner === 'shop').map(({ number }) => number)).toEqual([1, 2]);
  expect((await database.executor.query('select * from item')).rows).toEqual([{ id: 1, price: null }]);
});

it('migrate applies only what is new, and an older version accepts the newer schema', async () => {
  await migrate(database, [await setOf(one)]);
  const added = await migrate(database, [await setOf(two)]);
  expect(added).toMatchObject([{ package: 'shop', number: 2, name: 'price' }]);
  expect(await migrate(database, [await setOf(one)])).toEqual([]);
  expect(await names()).toEqual([
    { package: 'shop', number: 1, name: 'item' },
    { package: 'shop', number: 2, name: 'price' },
  ]);
});

it('a migration whose text changed after it was applied is refused', async () => {
  await migrate(database, [await setOf(one)]);
  const changed = await setOf({ '001-item.sql': 'create table item (id bigint);' });
  await expect(migrate(database, [changed])).rejects.toMatchObject({ code: 'MIGRATION_CHANGED' });
});

// Planted fault: with the first of two rows of a name taken for the only one, both go on.
it('rows of another database that were loaded beside those of this one are refused at the start and by migrate', async () => {
  const set = await setOf(one);
  await migrate(database, [set]);
  await database.executor.query(
    `insert into converge.migration select * from converge.migration where package = 'postgres'`,
  );
  const refused = { code: 'DATABASE_MIXED', message: expect.stringContaining('postgres/001-schema twice') };
  await expect(requireMigrations(database.executor, [set])).rejects.toMatchObject(refused);
  await expect(migrate(database, [set])).rejects.toMatchObject(refused);
});

it('a failed migration rolls back those before it and is named', async () => {
  const broken = await setOf({ ...one, '002-price.sql': 'alter table itm add price int;' });
  await expect(migrate(database, [broken])).rejects.toMatchObject({
    code: 'MIGRATION_FAILED',
    message: expect.stringContaining('shop/002-price'),
  });
  const { rows } = await database.executor.query(
    `select to_regclass('item') as item, to_regclass('converge.lease') as lease`,
  );
  expect(rows).toEqual([{ item: null, lease: null }]);
});

it('a lock timeout ends the migration and does not block writers', async () => {
  await migrate(database, [await setOf(one)]);
  const blocker = await database.acquire();
  await blocker.query('begin; select * from item');
  const blocked = migrate(database, [await setOf(two)], { lockTimeoutMs: 20, attempts: 2 });
  await expect(blocked).rejects.toMatchObject({ code: 'MIGRATION_LOCKED', category: 'contention' });
  await blocker.query('rollback');
  blocker.release();
  expect(await migrate(database, [await setOf(two)])).toHaveLength(1);
});
