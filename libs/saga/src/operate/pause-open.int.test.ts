import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { listenForWork } from '../calls/work/announce.ts';
import { insertWork, insertWorks, type NewWork } from '../calls/work/insert-sql.ts';
import { declareCalls } from '../calls/work/worker-sql.ts';
import { PAY_ID, payWork } from '../fixture/pay-work.ts';
import { sagaMigrations } from '../migrations.ts';
import { pauseSaga } from './pause.ts';

let database: Database<object>;
const by = { by: 'alice', reason: 'the bank charges twice' };
const id = PAY_ID;
const work: NewWork = { ...payWork('apply'), events: '[]' };
beforeAll(async () => {
  ({ database } = await migratedDatabase<object>(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'pause', applicationName: 'pause' },
  ));
  await declareCalls(database.executor, [work.call], 'w');
});
afterAll(() => database.close());

// Planted fault: by the ids of transactions, of which a claim has none before it locks a row, the pause does not wait.
it('a pause counts the call of a claim that had looked for it before, and has locked no row yet', async () => {
  await kyselyTransaction(database.db, {}, (tx) => insertWork(tx, work));
  // A claim of a server under load.
  const claims = database.executor.query(
    `with asked as materialized (select exists (select from converge.saga_pause) as is_paused, pg_sleep(1))
     update converge.saga_work set state = 'calling', holder = 'w', due_at = clock_timestamp() + interval '1 minute'
       from asked where not is_paused`,
  );
  const sleeps = `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
  await waitUntil(async () => (await database.executor.query(sleeps)).rowCount > 0, { what: 'the claim' });
  expect(await pauseSaga(database, { saga: 's' }, by)).toMatchObject({ held: 0, inFlight: 1 });
  expect((await claims).rowCount).toBe(1);
});

// Planted fault: the oldest transaction of the server is that of another database, or a prepared one, which may stay for days.
it('a pause does not wait for prepared transactions, nor for those of other databases', async () => {
  const elsewhere = connect<object>({ url: inject('stack').databaseUrl, applicationName: 'elsewhere' });
  const [there, here] = [await elsewhere.acquire(), await database.acquire()];
  onTestFinished(async () => {
    await here.query(`rollback prepared 'pause'`);
    here.release();
    there.release(true);
    await elsewhere.close();
  });
  for (const client of [there, here]) {
    await client.query('begin');
    await client.query('select pg_current_xact_id()');
  }
  await here.query(`prepare transaction 'pause'`);
  const began = performance.now();
  await pauseSaga(database, { saga: 'prepared' }, by);
  expect(performance.now() - began).toBeLessThan(4_000);
});

// Planted fault: without the number an operator believes that nothing begins any more.
it('a pause says how many transactions from before it are still open after five seconds', async () => {
  const slice = await database.acquire();
  onTestFinished(() => slice.release(true));
  await slice.query('begin');
  await slice.query('select from converge.saga_pause');
  expect(await pauseSaga(database, { saga: 'open' }, by)).toMatchObject({ undecided: 1 });
});

// Planted fault: the call is begun under a pause that came after its transaction, whose statements do not see it.
it('a call of a slice that may not see a pause is left to the looks', async () => {
  const reserved: string[] = [];
  const end = listenForWork(database.db, {
    heard: ({ call }) => reserved.push(`heard ${call}`),
    reserve: () => ({
      holder: 'near',
      leaseMs: 60_000,
      finalMs: 5_000,
      begin: () => reserved.push('begun'),
      free: () => reserved.push('free'),
    }),
  });
  onTestFinished(end);
  await kyselyTransaction(database.db, { isolation: 'repeatable read' }, async (tx) => {
    await tx.selectNoFrom(sql.lit(1).as('one')).execute();
    await database.executor.query(
      `insert into converge.saga_pause (saga, by, reason) values ('later', 'me', 'test')`,
    );
    const later = { ...work, saga: 'later', id: id.replace(/1$/, '2') };
    await insertWorks(tx, [later], (error) => error, true);
  });
  expect(reserved).toEqual(['free', `heard ${work.call}`]);
});
