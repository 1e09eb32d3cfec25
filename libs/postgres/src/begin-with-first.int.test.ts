/**
 * Planted faults, each seen to fail here:
 * - a Sync for each statement instead of one for both: answers are mixed up, and a failed BEGIN lets the statement commit;
 * - without the stored failure of BEGIN, later statements run outside a transaction;
 * - without the queue of statements that arrive with the first one, they do, too.
 */
import { freshDatabase } from '@convergekit/testing';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { connect, type Database } from './connect.ts';
import { type Executor, executorOf } from './executor.ts';
import { kyselyTransaction, type TransactionOptions, withTransaction } from './transaction.ts';

let database: Database;

beforeEach(async () => {
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl), applicationName: 'begins' });
  await database.executor.query('create table thing (n int not null)');
  return () => database.close();
});

type Run = (chosen: TransactionOptions, fn: (tx: Executor) => Promise<unknown>) => Promise<unknown>;
const forms: readonly (readonly [string, Run])[] = [
  ['withTransaction', (chosen, fn) => withTransaction(database, chosen, fn)],
  ['kyselyTransaction', (chosen, fn) => kyselyTransaction(database.db, chosen, (tx) => fn(executorOf(tx)))],
];
const insert = 'insert into thing values ($1)';
const things = async (): Promise<number[]> =>
  (await database.executor.query<{ n: number }>('select n from thing order by n')).rows.map(({ n }) => n);
const openTransactions = async (): Promise<number> => {
  const { rows } = await database.executor.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity where application_name = 'begins' and datname = current_database()
        and state = 'idle in transaction'`,
  );
  return rows[0]?.n ?? -1;
};
// The server refuses this BEGIN, as if it was cancelled.
const refused = { isolation: 'read nothing' as 'read committed' };

describe.each(forms)('%s', (_name, run) => {
  it('a transaction is not open before its first statement, and is open after it', async () => {
    await run({}, async (tx) => {
      expect(await openTransactions()).toBe(0);
      await tx.query(insert, [1]);
      expect(await openTransactions()).toBe(1);
    });
    expect(await things()).toEqual([1]);
  });

  it('a transaction without statements succeeds, and fails with the function’s error', async () => {
    expect(await run({}, () => Promise.resolve('done'))).toBe('done');
    await expect(run({}, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('a transaction returns the rows of its first statement', async () => {
    const first = await run({}, (tx) => tx.query('select $1::int as n, now() as at', [7]));
    expect(first).toMatchObject({ rows: [{ n: 7 }], rowCount: 1 });
    const without = await run({}, (tx) => tx.query('select 2 as n'));
    expect(without).toMatchObject({ rows: [{ n: 2 }] });
  });

  it('a transaction begins with the requested isolation', async () => {
    const asked = run({ isolation: 'repeatable read' }, async (tx) => {
      const { rows } = await tx.query(`select current_setting($1) as level`, ['transaction_isolation']);
      return rows[0];
    });
    expect(await asked).toEqual({ level: 'repeatable read' });
  });

  it('statements that are not awaited run in the given order', async () => {
    await run({}, async (tx) => {
      const sent = [1, 2, 3].map((n) => tx.query('insert into thing values ($1), (0)', [n]));
      sent.push(
        ...[4, 5].map((n) => sent[0]!.then(() => tx.query('insert into thing values ($1), (0)', [n]))),
      );
      await Promise.all(sent);
    });
    const { rows } = await database.executor.query<{ n: number }>(
      'select n from thing where n > 0 order by ctid',
    );
    expect(rows.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
  });

  it('a failed first statement commits nothing, and its connection stays usable', async () => {
    const ignored = run({}, async (tx) => {
      await tx.query('select 1 / $1::int', [0]).catch(() => undefined);
      await tx.query(insert, [1]).catch(() => undefined);
    });
    await expect(ignored).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK' });
    expect(await openTransactions()).toBe(0);
    expect(await things()).toEqual([]);
  });
});

it('a failed BEGIN prevents all statements sent with or after it', async () => {
  await expect(withTransaction(database, refused, (tx) => tx.query(insert, [1]))).rejects.toThrow(
    /syntax error/,
  );
  await expect(
    withTransaction(database, refused, (tx) => tx.query('insert into thing values (2)')),
  ).rejects.toThrow(/syntax/);
  const stubborn = withTransaction(database, refused, async (tx) => {
    await tx.query(insert, [3]).catch(() => undefined);
    await tx.query(insert, [4]);
  });
  await expect(stubborn).rejects.toThrow(/syntax error/);
  const together = withTransaction(database, refused, (tx) =>
    Promise.allSettled([tx.query(insert, [5]), tx.query(insert, [6])]),
  );
  await expect(together).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK' });
  expect(await things()).toEqual([]);
  await withTransaction(database, {}, (tx) => tx.query(insert, [7]));
  expect(await things()).toEqual([7]);
});
