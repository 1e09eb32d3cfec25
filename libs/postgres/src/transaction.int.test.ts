import type { Duplex } from 'node:stream';
import { seededRandom, systemClock } from '@convergekit/core';
import { faultProxy, freshDatabase, waitUntil } from '@convergekit/testing';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { connect, type Database } from './connect.ts';
import { type Executor, executorOf } from './executor.ts';
import { kyselyTransaction, type TransactionOptions, withTransaction } from './transaction.ts';

let url: string;
let database: Database;
const options: TransactionOptions = { random: seededRandom(1), clock: systemClock };

beforeEach(async () => {
  url = await freshDatabase(inject('stack').databaseUrl);
  database = connect({ url });
  await database.executor.query('create table account (id int primary key, cents int not null)');
  await database.executor.query('insert into account values (1, 100), (2, 100)');
  return () => database.close();
});

type Run = <T>(on: Database, chosen: TransactionOptions, fn: (tx: Executor) => Promise<T>) => Promise<T>;
const forms: readonly (readonly [string, Run])[] = [
  ['the executor form', (on, chosen, fn) => withTransaction(on, chosen, fn)],
  ['the Kysely form', (on, chosen, fn) => kyselyTransaction(on.db, chosen, (tx) => fn(executorOf(tx)))],
];

describe.each(forms)('%s', (_name, run) => {
  const total = async (): Promise<number> => {
    const { rows } = await database.executor.query<{ sum: string }>('select sum(cents) from account');
    return Number(rows[0]?.sum);
  };

  it('a transaction commits its writes, or nothing if the function throws', async () => {
    await run(database, options, (tx) => tx.query('update account set cents = 150 where id = 1'));
    const failing = run(database, options, async (tx) => {
      await tx.query('update account set cents = 0');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await total()).toBe(250);
  });

  it('a serialization failure reruns the whole function, and both transactions succeed', async () => {
    const bothRead = Promise.withResolvers<undefined>();
    let reads = 0;
    let runs = 0;
    const withdraw = (id: number): Promise<void> =>
      run(database, { ...options, isolation: 'serializable' }, async (tx) => {
        runs += 1;
        const { rows } = await tx.query<{ sum: string }>('select sum(cents) from account');
        reads += 1;
        if (reads === 2) bothRead.resolve(undefined);
        await bothRead.promise;
        if (Number(rows[0]?.sum) >= 200)
          await tx.query('update account set cents = cents - 150 where id = $1', [id]);
      });
    await Promise.all([withdraw(1), withdraw(2)]);
    // At least one transaction is rerun; the number of reruns depends on the server.
    expect(runs).toBeGreaterThanOrEqual(3);
    expect(await total()).toBe(50); // write skew would have left -100
  });

  it('a deadlock reruns its victim', async () => {
    const bothHold = Promise.withResolvers<undefined>();
    let holding = 0;
    const add = (first: number, second: number): Promise<void> =>
      run(database, options, async (tx) => {
        await tx.query('update account set cents = cents + 1 where id = $1', [first]);
        holding += 1;
        if (holding === 2) bothHold.resolve(undefined);
        await bothHold.promise;
        await tx.query('update account set cents = cents + 1 where id = $1', [second]);
      });
    await Promise.all([add(1, 2), add(2, 1)]);
    expect(await total()).toBe(204);
  });

  it('other errors are not rerun, and contention ends after the attempts', async () => {
    let runs = 0;
    const failWith = (code: string, constraint?: string): Promise<void> =>
      run(database, { ...options, attempts: 3 }, () => {
        runs += 1;
        return Promise.reject(Object.assign(new Error('x'), { code, constraint, severity: 'ERROR' }));
      });
    await expect(failWith('23505')).rejects.toMatchObject({ code: '23505' });
    expect(runs).toBe(1);
    await expect(failWith('40001')).rejects.toMatchObject({ code: '40001' });
    expect(runs).toBe(4);
    // REINDEX CONCURRENTLY is rebuilding the index.
    await expect(failWith('23505', 'account_pkey_ccnew')).rejects.toMatchObject({ code: '23505' });
    expect(runs).toBe(7);
    // Planted fault: data, whose event is given up at once, as a true duplicate is after the attempts.
    await expect(failWith('23505', 'account_pkey_ccold')).rejects.toMatchObject({ code: '23505' });
    expect(runs).toBe(10);
  });

  it('an ignored statement error is not reported as a commit', async () => {
    const swallowed = run(database, options, async (tx) => {
      await tx.query('update account set cents = 0');
      await tx.query('select 1 / 0').catch(() => undefined);
    });
    await expect(swallowed).rejects.toMatchObject({ code: 'COMMIT_ROLLED_BACK', category: 'bug' });
    expect(await total()).toBe(200);
  });

  it('`before` runs first in every attempt', async () => {
    const seen = await run(
      database,
      { ...options, before: (tx) => tx.query(`set local lock_timeout = '7s'`).then(() => undefined) },
      (tx) => tx.query<{ value: string }>(`select current_setting('lock_timeout') as value`),
    );
    expect(seen.rows).toEqual([{ value: '7s' }]);
  });

  it('a COMMIT without an answer is unknown, although it was applied', async () => {
    const proxy = await faultProxy({ target: new URL(url).host });
    onTestFinished(() => proxy.close());
    const through = connect({ url: Object.assign(new URL(url), { host: proxy.address }).href });
    onTestFinished(() => through.close());
    const done = run(through, options, async (tx) => {
      await tx.query('update account set cents = 500 where id = 1');
      proxy.dropReplies();
    });
    const settled = done.catch((error: unknown) => error);
    await waitUntil(async () => (await total()) === 600, { what: 'the commit to be applied' });
    proxy.cut();
    expect(await settled).toMatchObject({
      code: 'COMMIT_UNKNOWN',
      certainty: 'unknown',
      category: 'network',
    });
    proxy.restore();
    expect(await run(through, options, () => total())).toBe(600); // the pool recovered
  });

  it('a transaction whose idle connection the server closed unseen runs on a new one', async () => {
    const idle = connect({ url, max: 1 });
    onTestFinished(() => idle.close());
    const hear = await closedUnseen(idle);
    const added = run(idle, options, (tx) => tx.query('update account set cents = 500 where id = 1'));
    hear();
    await added;
    expect(await total()).toBe(600);
  });
});

it('a statement whose idle connection the server closed unseen is sent on a new one', async () => {
  const idle = connect({ url, max: 1 });
  onTestFinished(() => idle.close());
  const hear = await closedUnseen(idle);
  const answer = idle.executor.query('select 1 as one');
  hear();
  expect((await answer).rows).toEqual([{ one: 1 }]);
});

/** Has the server close the idle connection of a pool, which sees it behind what is sent before the returned call. */
async function closedUnseen(idle: Database): Promise<() => void> {
  await idle.executor.query('select 1'); // a pool's first statement asks which session it has
  const client = await idle.acquire();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  await client.query(`set idle_session_timeout = '100ms'`);
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
  stream.pause();
  client.release();
  const isOpen = async (): Promise<boolean> => {
    const session = 'select from pg_stat_activity where pid = $1';
    return (await database.executor.query(session, [rows[0]?.pid])).rows.length > 0;
  };
  await waitUntil(async () => !(await isOpen()), { what: 'the server to close the idle session' });
  return () => void setImmediate(() => stream.resume());
}
