import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it } from 'vitest';
import { removeOld } from './remove-old.ts';
import { withTransaction } from './transaction.ts';

it('old rows are removed oldest first, in bounded statements, without those that are locked, kept or young', async () => {
  const { database } = await migratedDatabase(inject('stack').databaseUrl, [], { max: 4 });
  const { executor } = database;
  await executor.query('create table note (id int primary key, kept bool not null, at timestamptz not null)');
  await executor.query(
    `insert into note select n, n = 15, clock_timestamp() - n * interval '1 day' from generate_series(1, 20) n`,
  );
  const removed: number[] = [];
  const counting: typeof executor = {
    query: async (text, values) => {
      const result = await executor.query<never>(text, values);
      removed.push(result.rowCount);
      return result;
    },
  };
  const old = { table: 'note', at: 'at', where: 'not kept' };
  const ids = async () =>
    (await executor.query<{ id: number }>('select id from note order by id')).rows.map(({ id }) => id);
  const options = { keepMs: 10 * 86_400_000, limit: 4 };
  await withTransaction(database, {}, async (tx) => {
    await tx.query('select from note where id = 18 for update');
    expect(await removeOld(counting, old, options)).toBe(9);
  });
  expect(removed).toEqual([4, 4, 1]);
  expect(await ids()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 18]);
  expect(await removeOld(executor, old, { ...options, signal: AbortSignal.abort() })).toBe(0);
  expect(await removeOld(executor, old, options)).toBe(1);
  await database.close();
});
