/**
 * Planted faults, each seen to fail here: an error of a statement that the session kept is no reason to rerun; a failed
 * batch does not forget the names that it sent.
 */
import { freshDatabase } from '@convergekit/testing';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { connect, type Database } from './connect.ts';
import { type Executor, executorOf } from './executor.ts';
import { kyselyTransaction, withTransaction } from './transaction.ts';

let database: Database;

beforeEach(async () => {
  // One connection: every statement meets what the one before left in the session.
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl), max: 1 });
  await database.executor.query('create table thing (n int not null)');
  await database.executor.query('insert into thing values (1)');
  return () => database.close();
});

const READ = 'select * from thing where n = $1';
const KEPT = `select statement, generic_plans::int as generic, custom_plans::int as custom
  from pg_prepared_statements where statement = $1`;

type Run = (fn: (tx: Executor) => Promise<unknown>) => Promise<unknown>;
const ways: readonly (readonly [string, Run])[] = [
  ['executor', (fn) => fn(database.executor)],
  ['withTransaction', (fn) => withTransaction(database, {}, fn)],
  ['kyselyTransaction', (fn) => kyselyTransaction(database.db, {}, (tx) => fn(executorOf(tx)))],
];
const read = (run: Run): Promise<unknown> => run(async (tx) => (await tx.query(READ, [1])).rows);

describe.each(ways)('%s', (_, run) => {
  beforeEach(async () => {
    for (let count = 0; count < 10; count += 1) await read(run);
  });

  it('a session keeps a statement parsed, and after some runs planned', async () => {
    const { rows } = await database.executor.query<{ generic: number }>(KEPT, [READ]);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.generic).toBeGreaterThan(0);
  });

  it('a statement whose tables were altered is parsed again', async () => {
    await database.executor.query('alter table thing add column more int default 7');
    expect(await read(run)).toEqual([{ n: 1, more: 7 }]);
    await database.executor.query('alter table thing alter column more type text');
    expect(await read(run)).toEqual([{ n: 1, more: '7' }]);
  });

  it('a statement that the session has dropped is parsed again', async () => {
    await database.executor.query('deallocate all');
    expect(await read(run)).toEqual([{ n: 1 }]);
  });

  it('a transaction that failed leaves no statement that cannot be sent', async () => {
    const failed = run(async (tx) => {
      await tx.query('select 1 / $1::int', [0]).catch(() => undefined);
      await tx.query(READ, [1]);
      throw new Error('it failed as asked');
    });
    await expect(failed).rejects.toThrow();
    expect(await read(run)).toEqual([{ n: 1 }]);
    expect(await read(run)).toEqual([{ n: 1 }]);
  });
});
