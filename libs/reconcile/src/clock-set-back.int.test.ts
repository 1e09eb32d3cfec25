import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { timePasses } from '../../testing/src/fixture/any-table.ts';
import { options, setWanted, stockOf, stockReconciler, world, worldForEach } from './fixture/stock.ts';
import { leadOnce } from './runs/leader.ts';
import { reconcilerService, resolveOptions, runReconciler } from './service.ts';

worldForEach();

const setBack = (): Promise<void> => timePasses(world.stock.executor, '-2 hours');

// Planted fault: the time of the start that was made last is believed. No run is made for as long as the clock went back.
it('a schedule goes on although the clock of the database was set back', async () => {
  await setWanted({ a: 1 });
  const leader = resolveOptions(stockReconciler({ schedule: '* * * * * *' }), { ...options, holder: 'one' });
  const never = new AbortController().signal;
  const run = async () => (await leadOnce(leader, never)) !== undefined;
  expect(await run()).toBe(true);
  await setBack();
  await waitUntil(run, { what: 'the next run' });
});

// Planted faults: without `rescheduleKeys` the key is looked at in two hours; without either bound of the time since its drift is the
// same, its settle window lasts for two hours.
it('a drift that settles is repaired although the clock of the database was set back', async () => {
  await setWanted({ a: 1 });
  const settling = stockReconciler({ timing: { settleMs: 200, quietMs: 0, maxWaitMs: 0 } });
  expect((await runReconciler(settling, options)).outcomes).toEqual({ pending: 1 });
  await setBack();
  const service = reconcilerService([settling], options);
  await service.start();
  await waitUntil(async () => (await stockOf())['a'] === 1, { what: 'the repair' }).finally(() =>
    service.stop(),
  );
});
