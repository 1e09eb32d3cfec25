import { freshDatabase } from '@convergekit/testing';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { afterCommit } from './after-commit.ts';
import { connect, type Database } from './connect.ts';
import { executorOf } from './executor.ts';
import { kyselyTransaction } from './transaction.ts';

let database: Database;
let called: unknown[];
beforeEach(async () => {
  called = [];
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl), max: 1 });
  await database.executor.query('create table line (id int primary key)');
});
afterEach(() => database.close());

const lines = async (): Promise<number> => {
  const { rows } = await database.executor.query<{ count: number }>('select count(*)::int from line');
  return rows[0]?.count ?? 0;
};

it('what waits for a commit is called once after it, with the database, and not within the transaction', async () => {
  await kyselyTransaction(database.db, {}, async (tx) => {
    await afterCommit(tx, (db) => called.push(db));
    await executorOf(tx).query('insert into line values (1)');
    expect(called).toEqual([]);
  });
  expect(called).toEqual([database.db]);
  await kyselyTransaction(database.db, {}, async (tx) => {
    await executorOf(tx).query('insert into line values (2)');
  });
  expect([called.length, await lines()]).toEqual([1, 2]);
});

// Planted fault: without `after.end` what a rolled back transaction waited for is called after the next commit.
it('what waits for a commit is not called after a rollback, nor when COMMIT is answered with ROLLBACK', async () => {
  const failed = kyselyTransaction(database.db, {}, async (tx) => {
    await afterCommit(tx, () => called.push('rolled back'));
    throw new RangeError('no');
  });
  await expect(failed).rejects.toThrow('no');
  const swallowed = kyselyTransaction(database.db, {}, async (tx) => {
    await afterCommit(tx, () => called.push('aborted'));
    await executorOf(tx)
      .query('select 1 / 0')
      .catch(() => undefined);
  });
  await expect(swallowed).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK' });
  await kyselyTransaction(database.db, {}, async (tx) => {
    await executorOf(tx).query('insert into line values (1)');
  });
  expect([called, await lines()]).toEqual([[], 1]);
});

it('what waits for the commit of a transaction that is rerun is called once', async () => {
  let runs = 0;
  await kyselyTransaction(database.db, {}, async (tx) => {
    runs += 1;
    const run = runs;
    await afterCommit(tx, () => called.push(run));
    if (runs === 1) throw Object.assign(new Error('again'), { code: '40001' });
  });
  expect(called).toEqual([2]);
});
