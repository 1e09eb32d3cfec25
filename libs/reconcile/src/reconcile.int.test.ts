import { timePasses } from '../../testing/src/fixture/any-table.ts';
import { executorOf } from '@convergekit/postgres';
import { BusinessRejection } from '@convergekit/core';
import fc from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import {
  options,
  rowsOf,
  setStock,
  setWanted,
  stockOf,
  stockReconciler,
  until,
  world,
  worldForEach,
} from './fixture/stock.ts';
import { retryKeys } from './key-queue.ts';
import { reportKeys } from './report-keys.ts';
import { runReconciler } from './service.ts';
import { approveRepairs } from './window.ts';

worldForEach();

describe('drift', () => {
  it('C5, S46, G7b: a drift is repaired with an audit row, and the next run finds nothing', async () => {
    await setWanted({ a: 3, b: 2, c: 1 });
    await setStock({ a: 3, b: 5, d: 9 });
    const first = await runReconciler(stockReconciler(), { ...options, actor: 'tester' });
    expect(first).toEqual({ keys: 4, compared: 0, unknown: 0, outcomes: { in_sync: 1, repaired: 3 } });
    expect(await stockOf()).toEqual({ a: 3, b: 2, c: 1, d: 0 });
    const audit = await rowsOf(
      `select key, desired, before, after, why, cause, actor from converge.reconcile_audit where key = 'b'`,
    );
    expect(audit).toEqual([
      {
        key: 'b',
        desired: 2,
        before: { reserved: 5, version: 1 },
        after: { reserved: 2, version: 2 },
        why: 'stock',
        cause: expect.stringMatching(/^run \d+: run now$/) as string,
        actor: 'tester',
      },
    ]);
    expect(await runReconciler(stockReconciler(), options)).toEqual({
      keys: 4,
      compared: 0,
      unknown: 0,
      outcomes: { in_sync: 4 },
    });
  });

  it('S42, G7b: from any random state two runs reach a fixed point', async () => {
    const state = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat(3));
    await fc.assert(
      fc.asyncProperty(state, state, async (wanted, stock) => {
        await world.orders.executor.query('truncate wanted');
        await world.stock.executor.query('truncate stock, converge.reconcile_key');
        await setWanted(wanted);
        await setStock(stock);
        await runReconciler(stockReconciler(), options);
        const fixed = await stockOf();
        const { outcomes } = await runReconciler(stockReconciler(), options);
        expect(Object.keys(outcomes).filter((kind) => kind !== 'in_sync')).toEqual([]);
        expect(await stockOf()).toEqual(fixed);
        for (const sku of new Set([...Object.keys(wanted), ...Object.keys(stock)]))
          expect(fixed[sku] ?? 0).toBe(wanted[sku] ?? 0);
      }),
      { numRuns: inject('full') ? 30 : 10 },
    );
  });

  it('a drift in mode observe is counted and not repaired', async () => {
    await setWanted({ a: 3 });
    const { outcomes } = await runReconciler(stockReconciler({ mode: 'observe' }), options);
    expect(outcomes).toEqual({ observed: 1 });
    expect(await stockOf()).toEqual({});
  });

  it('a drift is repaired only after it was unchanged for the settle window', async () => {
    await setWanted({ a: 3 });
    const settling = stockReconciler({ timing: { settleMs: 60_000, quietMs: 0, maxWaitMs: 0 } });
    expect((await runReconciler(settling, options)).outcomes).toEqual({ pending: 1 });
    // Time passes by moving the stored times, not by waiting.
    const later = `update converge.reconcile_key set drift_since = drift_since - interval '61 s', next_at = clock_timestamp()`;
    await rowsOf(later);
    await setWanted({ a: 4 });
    expect((await runReconciler(settling, options)).outcomes).toEqual({ pending: 1 });
    await rowsOf(later);
    expect((await runReconciler(settling, options)).outcomes).toEqual({ repaired: 1 });
    expect(await stockOf()).toEqual({ a: 4 });
  });
});

describe('a repair that is not allowed', () => {
  // Planted fault: a repair of zero rows that counts as one is no conflict here.
  it('S46, G7b: a repair that conflicts with a faster writer writes nothing, and the key is compared again', async () => {
    await setWanted({ a: 3 });
    await setStock({ a: 1 });
    let races = 2;
    const raced = stockReconciler();
    const reconciler = {
      ...raced,
      repair: async (...[drift, context]: Parameters<typeof raced.repair>) => {
        if (races-- > 0) await setStock({ a: 2 });
        return raced.repair(drift, context);
      },
    };
    const before = await rowsOf('select 1 from converge.reconcile_audit');
    const first = await runReconciler(reconciler, options);
    expect(before).toEqual([]);
    expect(first.outcomes['conflict']).toBeGreaterThanOrEqual(1);
    await until(
      async () => (await stockOf())['a'] === 3,
      () => runReconciler(reconciler, options),
    );
    expect(await rowsOf('select conflicts, failures from converge.reconcile_key')).toEqual([
      { conflicts: 0, failures: 0 },
    ]);
    expect(await rowsOf('select 1 as n from converge.reconcile_audit')).toHaveLength(1);
  });

  it('a repair is abandoned when desired changed while actual was read', async () => {
    await setWanted({ a: 3 });
    const base = stockReconciler();
    let changes = 1;
    const reconciler = {
      ...base,
      actual: {
        ...base.actual,
        read: async (...args: Parameters<typeof base.actual.read>) => {
          const seen = await base.actual.read(...args);
          // v2 arrives, and is applied by its own event, between our two reads.
          if (changes-- > 0) {
            await setWanted({ a: 8 });
            await setStock({ a: 8 });
          }
          return seen;
        },
      },
    };
    const { outcomes } = await runReconciler(reconciler, options);
    expect(outcomes).toEqual({ changed: 1, in_sync: 1 });
    expect(await stockOf()).toEqual({ a: 8 });
  });

  it('S46, G7b, G7d: a repair that breaks an invariant is rolled back with its audit row, and needs an operator', async () => {
    await setWanted({ a: 500 });
    const bounded = stockReconciler({
      invariants: [
        {
          name: 'no more than 100 of anything',
          holds: async (sku, tx) =>
            (await tx.selectFrom('stock').select('reserved').where('sku', '=', sku).executeTakeFirstOrThrow())
              .reserved <= 100,
        },
      ],
    });
    expect((await runReconciler(bounded, options)).outcomes).toEqual({ refused: 1 });
    expect(await stockOf()).toEqual({});
    expect(await rowsOf('select state, reason from converge.reconcile_key')).toEqual([
      { state: 'terminal', reason: expect.stringContaining('"no more than 100 of anything"') },
    ]);
    // A sweep skips the flapping key; a new report does not.
    expect((await runReconciler(bounded, options)).outcomes).toEqual({});
    await setWanted({ a: 50 });
    await reportKeys(world.stock.executor, bounded, ['a'], { cause: 'event 1' });
    expect((await runReconciler(bounded, options)).outcomes).toEqual({ repaired: 1 });
  });

  it('a repair that the business refuses is terminal at once, and writes nothing', async () => {
    await setWanted({ a: 1 });
    const refusing = stockReconciler({
      repair: () => Promise.reject(new BusinessRejection('the sku is frozen', { code: 'SKU_FROZEN' })),
    });
    expect((await runReconciler(refusing, options)).outcomes).toEqual({ failed: 1 });
    expect(await rowsOf('select state, failures from converge.reconcile_key')).toEqual([
      { state: 'terminal', failures: 1 },
    ]);
  });

  it('G7d, G5m: repairs above the limit (an empty desired set) are held until an operator approves', async () => {
    const stock = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`sku-${index}`, 1]));
    await setStock(stock);
    await setWanted(stock);
    const limited = stockReconciler({ limits: { always: 2, share: 0.02 } });
    await runReconciler(limited, options);
    await world.orders.executor.query('truncate wanted');
    const gone = async (): Promise<number> =>
      Object.values(await stockOf()).filter((reserved) => reserved === 0).length;
    for (let pass = 0; pass < 3; pass += 1) await runReconciler(limited, options);
    expect(await gone()).toBe(4);
    // Planted fault: an audit row that is written outside the repair's transaction stays when the repair is rolled back.
    const repairs = `select key from converge.reconcile_audit where verdict = 'repaired'`;
    expect(await rowsOf(repairs)).toHaveLength(4);
    expect(await rowsOf('select held_reason from converge.reconciler')).toEqual([
      {
        held_reason:
          'a window allows 4 repairs (2 % of the 200 keys in the last run); all were made, and more keys differ',
      },
    ]);
    const approval = { reconciler: 'stock', repairs: 10, forMs: 3_600_000, by: 'ann', reason: 'clearance' };
    expect(await approveRepairs(executorOf(world.stock.db), approval)).toMatchObject({
      held: expect.stringContaining('allows 4 repairs') as string,
    });
    // Seen to fail when the window opens again with the approval: 14 and more repairs.
    for (let pass = 0; pass < 3; pass += 1) await runReconciler(limited, options);
    expect(await gone()).toBe(4 + 10);
    expect(
      await rowsOf(
        `select subject_id as subject, by, reason, before, after from converge.audit where act = 'reconcile approve'`,
      ),
    ).toMatchObject([
      {
        subject: limited.name,
        by: 'ann',
        reason: 'clearance',
        before: { held: expect.stringMatching(/^a window allows 4/) as string },
        after: { repairs: 10, keys: null },
      },
    ]);
    // An approval that ended a window ago counts no more: the limits of a window apply.
    await approveRepairs(executorOf(world.stock.db), { ...approval, forMs: 0 });
    await timePasses(world.stock.executor, '61 minutes');
    for (let pass = 0; pass < 3; pass += 1) await runReconciler(limited, options);
    expect(await gone()).toBe(4 + 10 + 4);
    expect(await approveRepairs(executorOf(world.stock.db), { ...approval, reconciler: 'other' })).toBeNull();
  });

  it('a flapping key needs an operator', async () => {
    await setWanted({ a: 1 });
    const flapping = stockReconciler({ limits: { repairsPerKey: 2, always: 100 } });
    for (let pass = 0; pass < 2; pass += 1) {
      await setStock({ a: 9 });
      expect((await runReconciler(flapping, options)).outcomes).toEqual({ repaired: 1 });
    }
    await setStock({ a: 9 });
    expect((await runReconciler(flapping, options)).outcomes).toEqual({ flapping: 1 });
    expect(await rowsOf('select state, reason from converge.reconcile_key')).toEqual([
      { state: 'terminal', reason: 'flapping: repaired 2 times and divergent again' },
    ]);
    await retryKeys(world.stock.executor, flapping.name, ['a'], { by: 'ann', reason: 'it is quiet' });
    // Planted fault: without the insert into the audit of operators, nothing there says who let it start again.
    const acts = await rowsOf(`select * from converge.audit where act like '%retry'`);
    expect(acts).toMatchObject([
      { subject_id: 'stock', before: { key: 'a' }, by: 'ann', reason: 'it is quiet' },
    ]);
    expect((await runReconciler(flapping, options)).outcomes).toEqual({ repaired: 1 });
  });
});
