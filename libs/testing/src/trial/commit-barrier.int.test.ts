import { type Database, executorOf } from '@convergekit/postgres';
import { kyselyTransaction, sendAhead } from '@convergekit/postgres/engine';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { serviceDatabase } from '../service-database.ts';
import { behindBarrier, CommitBarrier } from './commit-barrier.ts';

let database: Database<{ thing: { n: number } }>;
beforeAll(async () => {
  database = await serviceDatabase(inject('stack').databaseUrl, 'create table thing (n int primary key)');
  await database.db.insertInto('thing').values({ n: 1 }).execute();
});
afterAll(() => database.close());

/** The error of an optimistic insert, which has its transaction run again. */
class Taken extends Error {
  readonly code = '40001';
}

it('a transaction that the server has aborted passes the barrier, and its rerun is held there', async () => {
  const barrier = new CommitBarrier();
  const runs: string[] = [];
  const done = kyselyTransaction(behindBarrier(database.db, barrier), {}, async (tx) => {
    runs.push(runs.length === 0 ? 'insert' : 'update');
    if (runs.length === 1) {
      const text = 'insert into thing values (1)';
      return sendAhead(tx, [text, []], { failed: () => new Taken('the row is there') });
    }
    await executorOf(tx).query('update thing set n = 2 where n = 1');
  });
  await barrier.arrived;
  // Were the first run held, its rerun would come after the trial has decided who commits first.
  const atTheBarrier = [...runs];
  barrier.open();
  await done;
  expect(atTheBarrier).toEqual(['insert', 'update']);
  expect(await database.db.selectFrom('thing').selectAll().execute()).toEqual([{ n: 2 }]);
});
