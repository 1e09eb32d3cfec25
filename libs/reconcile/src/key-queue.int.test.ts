import { waitUntil } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import {
  options,
  rowsOf,
  setWanted,
  stockOf,
  stockReconciler,
  world,
  worldForEach,
} from './fixture/stock.ts';
import { timePasses } from '../../testing/src/fixture/any-table.ts';
import {
  claimKeys,
  enqueueKeys,
  type EnqueueRequest,
  finishKey,
  keyQueue,
  requeueExpired,
} from './key-queue.ts';
import { decideFinish } from './decide.ts';
import { reportKeys } from './report-keys.ts';
import { reconcilerService, runReconciler } from './service.ts';

worldForEach();

const report = (over: Partial<EnqueueRequest> = {}): Promise<void> =>
  enqueueKeys(world.stock.executor, {
    reconciler: 'stock',
    keys: ['a'],
    priority: 'event',
    cause: 'test',
    quietMs: 0,
    maxWaitMs: 0,
    ...over,
  });
const claim = (holder: string, leaseMs = 60_000) =>
  claimKeys(world.stock.executor, { reconciler: 'stock', holder, limit: 10, leaseMs });
const waitingMs = async (): Promise<number> =>
  Number(
    (
      await rowsOf('select extract(epoch from next_at - updated_at) * 1000 as ms from converge.reconcile_key')
    )[0]!['ms'],
  );

describe('the key queue', () => {
  it('S44: 8 workers never process one key concurrently, while other keys proceed', async () => {
    await setWanted({ a: 1 });
    let inside = 0;
    let most = 0;
    let looks = 0;
    const base = stockReconciler();
    const watched = {
      ...base,
      desired: {
        ...base.desired,
        read: async (...args: Parameters<typeof base.desired.read>) => {
          if (args[0] !== 'a') return base.desired.read(...args);
          inside += 1;
          most = Math.max(most, inside);
          const value = await base.desired.read(...args);
          inside -= 1;
          looks += 1;
          return value;
        },
      },
    };
    const services = Array.from({ length: 8 }, () =>
      reconcilerService([watched], { ...options, workers: 2, pollMs: 5 }),
    );
    await Promise.all(services.map((service) => service.start()));
    // Reports that come before a look make one look together, so they go on until there were enough.
    let round = 0;
    const reportAgain = () =>
      reportKeys(world.stock.executor, watched, ['a', `k${(round += 1) % 5}`], { cause: 'x' });
    await waitUntil(() => reportAgain().then(() => looks >= 20), { what: 'twenty looks', everyMs: 1 });
    await Promise.all(services.map((service) => service.stop()));
    expect(most).toBe(1);
    expect(await stockOf()).toMatchObject({ a: 1 });
  });

  it('a key is queued once, however often it is reported', async () => {
    await Promise.all(Array.from({ length: 20 }, () => report({ keys: ['a', 'b', 'a'] })));
    expect((await claim('one')).map(({ key }) => key).sort()).toEqual(['a', 'b']);
    expect(await claim('two')).toEqual([]);
  });

  it('a key that is reported during its run runs once more, and only once', async () => {
    await report();
    const [first] = await claim('one');
    await Promise.all([report(), report(), report()]);
    expect(await claim('two')).toEqual([]);
    const done = decideFinish({ kind: 'in_sync' }, first!, stockReconciler(), () => 0);
    expect(await finishKey(world.stock.executor, first!, done)).toBe(true);
    const [again] = await claim('two');
    expect(again?.key).toBe('a');
    await finishKey(world.stock.executor, again!, done);
    expect(await claim('one')).toEqual([]);
    expect(await rowsOf('select * from converge.reconcile_key')).toEqual([]);
  });

  it('the last change of a key that changes during its read is processed', async () => {
    await setWanted({ a: 1 });
    const base = stockReconciler();
    let changes = 5;
    const busy = {
      ...base,
      repair: async (...args: Parameters<typeof base.repair>) => {
        const written = await base.repair(...args);
        if (changes-- > 0) {
          await setWanted({ a: 10 - changes });
          void reportKeys(world.stock.executor, base, ['a'], { cause: 'event' }); // waits for the claim's lock
        }
        return written;
      },
    };
    const service = reconcilerService([busy], { ...options, pollMs: 5 });
    await reportKeys(world.stock.executor, base, ['a'], { cause: 'event' });
    await service.start();
    await waitUntil(async () => (await stockOf())['a'] === 10, { what: 'the last value' });
    await service.stop();
  });

  it('S43: a key waits until its reports stop, but never past the longest wait', async () => {
    // A busy machine may take a few seconds between the report and the look.
    const waitsUpTo = async (ms: number): Promise<void> => {
      const waiting = await waitingMs();
      expect(waiting).toBeLessThanOrEqual(ms);
      expect(waiting).toBeGreaterThan(ms - 9_000);
    };
    await report({ quietMs: 30_000, maxWaitMs: 100_000 });
    await waitsUpTo(30_000);
    const age = (seconds: number) =>
      rowsOf(
        `update converge.reconcile_key set window_started_at = clock_timestamp() - interval '${seconds} s'`,
      );
    await age(60);
    await report({ quietMs: 30_000, maxWaitMs: 100_000 });
    await waitsUpTo(30_000);
    await age(90);
    await report({ quietMs: 30_000, maxWaitMs: 100_000 });
    await waitsUpTo(10_000);
    await report({ quietMs: 30_000, maxWaitMs: 100_000, priority: 'sweep' });
    await waitsUpTo(10_000);
    await report({ priority: 'operator' });
    expect(await waitingMs()).toBeLessThan(1_000);
  });

  it('operators go before events, and events before sweeps', async () => {
    await report({ keys: ['sweep'], priority: 'sweep' });
    await report({ keys: ['event'] });
    await report({ keys: ['operator'], priority: 'operator' });
    const order: string[] = [];
    for (let taken = 0; taken < 3; taken += 1) {
      const [next] = await claimKeys(world.stock.executor, {
        reconciler: 'stock',
        holder: 'h',
        limit: 1,
        leaseMs: 60_000,
      });
      order.push(next!.key);
    }
    expect(order).toEqual(['operator', 'event', 'sweep']);
  });

  it('a report by an operator is recorded with its keys, and one that does not say who it is by is refused', async () => {
    const { executor } = world.stock;
    const act = { by: 'operator', actor: 'ann', reason: 'the count was wrong' } as const;
    await reportKeys(executor, stockReconciler(), ['b', 'a', 'a'], act);
    await reportKeys(executor, stockReconciler(), ['c'], { cause: 'event 7' });
    const audit = `select act, subject_id as subject, before ->> 'key' as key, by, reason from converge.audit order by 3`;
    const row = { act: 'reconcile retry', subject: 'stock', by: 'ann', reason: 'the count was wrong' };
    expect(await rowsOf(audit)).toEqual([
      { ...row, key: 'a' },
      { ...row, key: 'b' },
    ]);
    expect(await rowsOf('select key, priority from converge.reconcile_key order by key')).toEqual([
      { key: 'a', priority: 0 },
      { key: 'b', priority: 0 },
      { key: 'c', priority: 1 },
    ]);
    const nameless = { by: 'operator', cause: 'x' } as unknown as typeof act;
    for (const [request, lacks] of [
      [nameless, 'actor'],
      [{ ...act, actor: ' ' }, 'actor'],
      [{ ...act, reason: '' }, 'reason'],
    ] as const)
      await expect(reportKeys(executor, stockReconciler(), ['d'], request)).rejects.toMatchObject({
        code: 'REPORT_UNNAMED',
        message: expect.stringContaining(`has no ${lacks}`),
      });
  });

  it('a key of a dead worker is requeued, and the late worker is fenced', async () => {
    await report();
    const [late] = await claim('late', 0);
    expect(await requeueExpired(world.stock.executor, 'stock', 60_000)).toBe(1);
    await rowsOf('update converge.reconcile_key set next_at = clock_timestamp()');
    const [taken] = await claim('late');
    expect(taken).toMatchObject({ key: 'a', failures: 1 });
    expect(await keyQueue.lock(world.stock.executor, late!)).toBe(false);
    expect(
      await finishKey(
        world.stock.executor,
        late!,
        decideFinish({ kind: 'in_sync' }, late!, stockReconciler(), () => 0),
      ),
    ).toBe(false);
    expect(await keyQueue.lock(world.stock.executor, taken!)).toBe(true);
  });

  it('a key of a dead worker is requeued although the clock of the database was set back', async () => {
    await report();
    await claim('dead', 60_000);
    await timePasses(world.stock.executor, '-2 hours');
    expect(await requeueExpired(world.stock.executor, 'stock', 60_000)).toBe(1);
  });

  // Planted fault: without the check of the claim in the repair's transaction it repairs here.
  it('G7b: a worker cannot repair after its claim was lost', async () => {
    await setWanted({ a: 3 });
    const base = stockReconciler();
    const robbed = {
      ...base,
      actual: {
        ...base.actual,
        read: async (...args: Parameters<typeof base.actual.read>) => {
          await rowsOf(
            `update converge.reconcile_key set holder = 'thief', term = nextval('converge.reconcile_term')`,
          );
          return base.actual.read(...args);
        },
      },
    };
    expect((await runReconciler(robbed, options)).outcomes).toEqual({ lost: 1 });
    expect(await stockOf()).toEqual({});
  });
});
