import { type Clock, systemClock } from '@convergekit/core';
import { connect } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import {
  onceTiming,
  rowsOf,
  setWanted,
  stockOf,
  stockReconciler,
  world,
  worldForEach,
} from '../fixture/stock.ts';
import { type ReconcileOptions, resolveOptions, runReconciler } from '../service.ts';
import { reportKeys } from '../report-keys.ts';
import { drain } from '../workers.ts';

const base = stockReconciler();

worldForEach();

const READ_MS = 200;

/** Options whose orders are read over connections with a statement timeout, as the reconciler's process has them. */
async function boundedOptions(statementTimeoutMs: number): Promise<ReconcileOptions> {
  await setWanted({ a: 1, b: 2, c: 3 });
  const bounded = connect({ url: world.ordersUrl, statementTimeoutMs });
  onTestFinished(() => bounded.close());
  return { databases: { orders: bounded, inventory: world.stock }, workers: 2 };
}

const state = `select state, failures, reason from converge.reconcile_key where key = 'b'`;

// Planted fault: without the timeout of the connection, the key b holds its worker for ten minutes.
it('S41, G7h: a read that hangs in a database ends by its statement timeout: its key is unknown, and the others go on', async () => {
  const options = await boundedOptions(300);
  const hangs = {
    ...base,
    desired: {
      ...base.desired,
      read: async (...[key, db]: Parameters<typeof base.desired.read>) => {
        if (key === 'b') await sql`select pg_sleep(600)`.execute(db);
        return base.desired.read(key, db);
      },
    },
    timing: { ...base.timing, ...onceTiming },
  };
  expect((await runReconciler(hangs, options)).outcomes).toEqual({ repaired: 2, unknown: 1 });
  expect(await stockOf()).toEqual({ a: 1, c: 3 });
  expect(await rowsOf(state)).toMatchObject([
    { state: 'queued', failures: 1, reason: expect.stringMatching(/57014/) as string },
  ]);
});

// Planted fault: without the bound of reads, a side that is no database (an HTTP API that never answers) holds its worker for ever.
it('G7h: a read of another kind that hangs is given up after timing.readMs: its key is unknown, and the others go on', async () => {
  const options = await boundedOptions(60_000);
  // The time of a read ends when the others have been read, however slow the machine is.
  const othersRepaired = waitUntil(async () => Object.keys(await stockOf()).join() === 'a,c', {
    what: 'the repair of the others',
  });
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) =>
      ms === READ_MS ? othersRepaired.then(() => undefined) : systemClock.sleep(ms, signal),
  };
  const hangs = {
    ...base,
    desired: {
      ...base.desired,
      read: (...[key, db]: Parameters<typeof base.desired.read>) =>
        key === 'b' ? new Promise<never>(() => undefined) : base.desired.read(key, db),
    },
    timing: { ...onceTiming, readMs: READ_MS },
  };
  expect((await runReconciler(hangs, { ...options, clock })).outcomes).toEqual({ repaired: 2, unknown: 1 });
  expect(await stockOf()).toEqual({ a: 1, c: 3 });
  expect(await rowsOf(state)).toMatchObject([
    {
      state: 'queued',
      reason: expect.stringMatching(
        /READ_TIMEOUT: reading key b from orders for stock took longer/,
      ) as string,
    },
  ]);
});

// Planted fault: without the look at the queue beside it, a key that hangs keeps the free workers from keys that become due.
it('keys that are reported while another one hangs are compared meanwhile', async () => {
  const options = await boundedOptions(60_000);
  const hung = Promise.withResolvers<null>();
  const hangs = {
    ...base,
    desired: {
      ...base.desired,
      read: (...[key, db]: Parameters<typeof base.desired.read>) =>
        key === 'b' ? hung.promise : base.desired.read(key, db),
    },
  };
  await reportKeys(world.stock.executor, base, ['b'], { cause: 'event 1' });
  const draining = drain(resolveOptions(hangs, { ...options, pollMs: 20 }));
  const running = async (): Promise<boolean> =>
    (await rowsOf(`select 1 from converge.reconcile_key where state = 'running'`)).length === 1;
  await waitUntil(running, { what: 'the key that hangs' });
  await reportKeys(world.stock.executor, base, ['a'], { cause: 'event 2' });
  await waitUntil(async () => (await stockOf())['a'] === 1, { what: 'the repair of the other key' });
  hung.resolve(null);
  await draining;
});
