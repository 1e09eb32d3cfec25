import { freshDatabase, waitUntil } from '@convergekit/testing';
import { StatementTap } from '../../testing/src/fixture/statement-tap.ts';
import type { Transaction } from 'kysely';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { connect, type Database } from './connect.ts';
import { executorOf } from './executor.ts';
import { sendAhead } from './send-ahead.ts';
import { kyselyTransaction } from './transaction.ts';

let url: string;
let database: Database;
beforeEach(async () => {
  url = await freshDatabase(inject('stack').databaseUrl);
  database = connect({ url, max: 2 });
  await database.executor.query('create table thing (n int primary key)');
});
afterEach(() => database.close());

const insert = 'insert into thing values ($1)';
const things = async (): Promise<readonly number[]> =>
  (await database.executor.query<{ n: number }>('select n from thing order by n')).rows.map(({ n }) => n);
const ahead = (tx: Transaction<unknown>, n: number, failed?: (error: unknown) => unknown): Promise<void> =>
  sendAhead(tx, [insert, [n]], failed === undefined ? {} : { failed });

it('statements that are sent ahead share the round trip of COMMIT, and their answers come before its', async () => {
  const tap = new StatementTap();
  tap.attach('ahead', database.pool);
  const answers: unknown[] = [];
  await kyselyTransaction(database.db, {}, async (tx) => {
    await executorOf(tx).query('select $1::int', [0]);
    const text = 'insert into thing values ($1) returning n';
    await sendAhead(tx, [text, [1]], { answered: (rows) => answers.push(rows) });
    await ahead(tx, 2);
    expect(answers).toEqual([]);
  });
  expect([answers, await things()]).toEqual([[[{ n: 1 }]], [1, 2]]);
  const [sent] = tap.transactions;
  expect(new Set(sent?.statements.map(({ trip }) => trip)).size).toBe(2);
});

// Planted fault: without `errorOr` these fail with what the server answers to the statements behind the failed one.
it('a statement that was sent ahead and fails has its transaction fail with its error, whatever comes behind it', async () => {
  await database.executor.query(insert, [1]);
  const atCommit = kyselyTransaction(database.db, {}, async (tx) => {
    await executorOf(tx).query(insert, [2]);
    await ahead(tx, 1);
  });
  await expect(atCommit).rejects.toMatchObject({ code: '23505' });
  const before = kyselyTransaction(database.db, {}, async (tx) => {
    await executorOf(tx).query(insert, [2]);
    await ahead(tx, 1, () => new RangeError('taken'));
    await executorOf(tx).query(insert, [3]);
  });
  await expect(before).rejects.toThrow('taken');
  expect(await things()).toEqual([1]);
});

it('an error that asks for a rerun has the transaction run again', async () => {
  await database.executor.query(insert, [1]);
  let runs = 0;
  await kyselyTransaction(database.db, {}, async (tx) => {
    runs += 1;
    await executorOf(tx).query('select $1::int', [0]);
    await ahead(tx, runs, () => Object.assign(new Error('again'), { code: '40001' }));
  });
  expect([runs, await things()]).toEqual([2, [1, 2]]);
});

it('an earlier failure that the function ignored stays the error of its transaction', async () => {
  const swallowed = kyselyTransaction(database.db, {}, async (tx) => {
    await executorOf(tx).query('select $1::int', [0]);
    await executorOf(tx)
      .query('select 1 / $1::int', [0])
      .catch(() => undefined);
    await ahead(tx, 1);
  });
  await expect(swallowed).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK' });
});

// Planted fault: where a lost connection counts as the statement's failure, the outcome of the commit seems known.
it('a connection that is lost while a statement is ahead of COMMIT leaves the outcome unknown', async () => {
  const writer = connect({ url, max: 1 });
  const streams: { destroy(): void }[] = [];
  writer.pool.on('connect', (client) => {
    streams.push((client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream);
  });
  const lost = kyselyTransaction(writer.db, {}, async (tx) => {
    await executorOf(tx).query('select $1::int', [0]);
    await sendAhead(tx, ['select pg_sleep($1)', [30]]);
  });
  lost.catch(() => undefined);
  const sleeping = `select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
  await waitUntil(async () => (await database.executor.query(sleeping)).rows.length > 0, {
    what: 'the statement',
  });
  for (const stream of streams) stream.destroy();
  await expect(lost).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' });
  await writer.close();
});

it('a statement in a transaction of another kind is awaited', async () => {
  await database.db.transaction().execute((tx) => ahead(tx, 1));
  expect(await things()).toEqual([1]);
  await expect(database.db.transaction().execute((tx) => ahead(tx, 1))).rejects.toMatchObject({
    code: '23505',
  });
});
