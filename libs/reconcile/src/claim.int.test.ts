import { connect } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import { claimKeys, enqueueKeys, type Priority } from './key-queue.ts';
import { options, rowsOf, setWanted, stockReconciler, world, worldForEach } from './fixture/stock.ts';
import { resolveOptions } from './service.ts';
import { reportKeys } from './report-keys.ts';
import { drain, OLDEST_EVERY } from './workers.ts';

worldForEach();

const enqueue = (priority: Priority, ...keys: readonly string[]): Promise<void> =>
  enqueueKeys(world.stock.executor, {
    reconciler: 'stock',
    keys,
    priority,
    cause: 'test',
    quietMs: 0,
    maxWaitMs: 0,
  });

// Seen to fail when every claim is by priority: the sweep's key is never looked at while events come.
it('G7e: a key of a sweep is looked at after a bounded number of keys, however many events come', async () => {
  await setWanted({ swept: 1 });
  const looked: string[] = [];
  const stop = new AbortController();
  const base = stockReconciler();
  const streaming = {
    ...base,
    desired: {
      ...base.desired,
      read: async (...args: Parameters<typeof base.desired.read>) => {
        const [key] = args;
        if (looked.at(-1) !== key) looked.push(key);
        // Each look is followed by two more events, so that the queue of events never ends.
        const { length } = looked;
        if (key === 'swept' || length > 100) stop.abort();
        await reportKeys(world.stock.executor, base, [`e${length}`, `f${length}`], { cause: 'x' });
        return base.desired.read(...args);
      },
    },
  };
  await enqueue('event', ...Array.from({ length: 10 }, (_, index) => `first${index}`));
  await enqueue('sweep', 'swept');
  await drain({ ...resolveOptions(streaming, options), workers: 1 }, stop.signal);
  // The ten events were due before it: each turn of the oldest takes one of them at most.
  expect(looked.indexOf('swept')).toBeGreaterThan(0);
  expect(looked.indexOf('swept')).toBeLessThanOrEqual(11 * OLDEST_EVERY);
});

it('the oldest key is claimed by age, whatever its priority, and operators go first otherwise', async () => {
  await enqueue('sweep', 'sweep');
  await enqueue('retry', 'retry');
  await enqueue('event', 'event');
  await enqueue('operator', 'operator');
  const claim = async (order: 'priority' | 'age'): Promise<string | undefined> =>
    (
      await claimKeys(world.stock.executor, {
        reconciler: 'stock',
        holder: 'h',
        limit: 1,
        leaseMs: 60_000,
        order,
      })
    )[0]?.key;
  expect([await claim('priority'), await claim('age'), await claim('priority'), await claim('age')]).toEqual([
    'operator',
    'sweep',
    'event',
    'retry',
  ]);
  expect(await claim('age')).toBeUndefined();
  // A claim by age locks only what it takes: no other key is held back.
  expect(await rowsOf(`select 1 from converge.reconcile_key where state <> 'running'`)).toEqual([]);
});

it('S44: a worker inside a key holds back no other key', async () => {
  await setWanted({ slow: 1, b: 1, c: 1 });
  const gate = Promise.withResolvers<undefined>();
  const base = stockReconciler();
  const done: string[] = [];
  const gated = {
    ...base,
    desired: {
      ...base.desired,
      read: async (...args: Parameters<typeof base.desired.read>) => {
        if (args[0] === 'slow') await gate.promise;
        return base.desired.read(...args);
      },
    },
    repair: async (...args: Parameters<typeof base.repair>) => {
      const written = await base.repair(...args);
      done.push(args[1].key);
      // The slow key goes on only after both others were repaired beside it.
      if (done.length === 2) gate.resolve(undefined);
      return written;
    },
  };
  await enqueue('event', 'slow', 'b', 'c');
  expect(await drain({ ...resolveOptions(gated, options), workers: 2 })).toEqual({ repaired: 3 });
  expect(done.at(-1)).toBe('slow');
});

// Seen to fail when each claim begins at the first key: 400 keys take over 30,000 entries.
it('claims walk over no keys that are done, although a snapshot is held that still sees them as due', async () => {
  const keys = Array.from({ length: 400 }, (_, index) => `k${index}`);
  await enqueue('event', ...keys);
  const held = await world.stock.acquire();
  await held.query('begin isolation level repeatable read');
  await held.query('select 1 from converge.reconcile_key limit 1');
  try {
    // Statistics are written when a connection ends.
    const url = new URL(inject('stack').databaseUrl);
    const [name] = await rowsOf('select current_database() as name');
    url.pathname = `/${String(name?.['name'])}`;
    const inventory = connect({ url: url.href, max: 1 });
    const databases = { ...options.databases, inventory };
    const workers = 4;
    await drain({ ...resolveOptions(stockReconciler(), { ...options, databases }), workers });
    await inventory.close();
    const entries = async (): Promise<number> => {
      const [row] = await rowsOf(
        `select idx_tup_read::int as entries from pg_stat_user_indexes where indexrelname = 'reconcile_key_due'`,
      );
      return Number(row?.['entries']);
    };
    await waitUntil(async () => (await entries()) >= keys.length, { what: 'the statistics of the index' });
    expect(await entries()).toBeLessThan(15 * keys.length);
  } finally {
    await held.query('rollback');
    held.release();
  }
});
