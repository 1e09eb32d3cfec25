import { describe, expect, it } from 'vitest';
import type { ScanChunk, ScanContext } from '../definition.ts';
import { runsSceneForEach, yearly } from '../fixture/runs-scene.ts';
import { options, rowsOf, setWanted, stockReconciler, world } from '../fixture/stock.ts';
import { leadOnce } from './leader.ts';
import { runReconciler } from '../service.ts';
import { drain } from '../workers.ts';
import { listRuns, readStatus } from './history-sql.ts';
import { requestRun } from './pause-sql.ts';
import { forgetRuns } from './run-sql.ts';

const scene = runsSceneForEach();
const { alarms, leader, runs, lastRun } = scene;
const never = new AbortController().signal;

describe('the history', () => {
  it('a run is recorded with its cause, its keys and the outcomes of their comparisons', async () => {
    await setWanted({ a: 1, b: 2 });
    const one = leader('one');
    await leadOnce(one, never);
    await drain(one);
    expect(await runs()).toMatchObject([
      { cause: 'schedule', state: 'completed', keys: 2, outcomes: { repaired: 2 }, missed: 0, holder: 'one' },
    ]);
    const audit = await rowsOf<{ cause: string }>('select cause from converge.reconcile_audit');
    expect(audit.map(({ cause }) => cause)).toEqual(Array.from({ length: 2 }, () => 'run 1: schedule'));
    await runReconciler(stockReconciler(), options);
    expect(await lastRun()).toMatchObject({ cause: 'once', state: 'completed', outcomes: { in_sync: 2 } });
  });

  // Seen to fail when every run scans at full speed.
  it('S40: a run of the schedule scans in the background, and one that an operator requested does not', async () => {
    const scans: (boolean | undefined)[] = [];
    const scan = async function* (
      _databases: unknown,
      { background }: ScanContext,
    ): AsyncGenerator<ScanChunk> {
      scans.push(background);
      yield await Promise.resolve([]);
    };
    const one = leader('one', scan);
    await leadOnce(one, never);
    await requestRun(world.stock.executor, 'stock', { by: 'ada', reason: 'a run now' });
    await leadOnce(one, never);
    await runReconciler({ ...stockReconciler(), keys: { scan } }, options);
    expect(scans).toEqual([true, false, false]);
  });

  // Planted fault: where a chunk that was not read counts as an empty one, the run says that all agrees.
  it('chunks that a side could not answer are counted as unknown, and raise an alarm', async () => {
    const scan = async function* (): AsyncGenerator<ScanChunk> {
      await Promise.resolve();
      yield ['a'];
      yield { unknown: 'the warehouse timed out' };
    };
    await leadOnce(leader('one', scan), never);
    expect(await lastRun()).toMatchObject({ state: 'completed', keys: 1, unknown: 1 });
    expect(alarms).toMatchObject([{ alarm: 'reconcile_unknown', reason: 'the warehouse timed out' }]);
  });

  it('a scan with a bug ends its run as failed, raises an alarm, and is not repeated before the next start', async () => {
    const scan = async function* (): AsyncGenerator<ScanChunk> {
      yield ['a'];
      await Promise.reject(new TypeError('no such column'));
    };
    const broken = leader('one', scan);
    expect(await leadOnce(broken, never)).toBeUndefined();
    expect(await leadOnce(broken, never)).toBeUndefined();
    expect(await runs()).toMatchObject([
      { state: 'failed', reason: expect.stringMatching(/no such column/) as string },
    ]);
    expect(alarms).toMatchObject([{ alarm: 'reconcile_run_failed' }]);
  });

  // Seen to fail when runs are ordered by the text of their numbers.
  it('the history lists the newest runs first, beyond the ninth, too', async () => {
    for (let count = 0; count < 11; count += 1) await runReconciler(stockReconciler(), options);
    const newest = await listRuns(world.stock.executor, 'stock', 3);
    expect(newest.map(({ id }) => id)).toEqual(['11', '10', '9']);
  });

  it('the history keeps the newest runs, and a run that is open', async () => {
    for (let count = 0; count < 5; count += 1) await runReconciler(stockReconciler(), options);
    expect(await forgetRuns(world.stock.executor, 'stock', 2)).toBe(3);
    expect((await runs()).map(({ id }) => id)).toEqual(['4', '5']);
    await world.stock.executor.query(`update converge.reconcile_run set led = true where id = 4`);
    await runReconciler(stockReconciler(), options);
    await world.stock.executor.query(`update converge.reconcile_run set state = 'interrupted' where id = 4`);
    expect(await forgetRuns(world.stock.executor, 'stock', 1)).toBe(1);
    expect((await runs()).map(({ id }) => id)).toEqual(['4', '6']);
  });
});

describe('a schedule', () => {
  const everySecond = { schedule: { cron: '* * * * * *', missed: 'skip' } } as const;
  const backBy = (interval: string): Promise<unknown> =>
    world.stock.executor.query(
      `update converge.reconciler set scheduled_until = clock_timestamp() - interval '${interval}'`,
    );

  it('S41, G7f: starts that came while a run took too long are recorded and named, and no run overlaps another', async () => {
    const one = leader('one', undefined, { schedule: '* * * * * *' });
    await leadOnce(one, never);
    await backBy('10 seconds');
    await leadOnce(one, never);
    const [, second] = await runs();
    expect(second).toMatchObject({ state: 'completed', cause: 'schedule' });
    expect(second!.missed).toBeGreaterThanOrEqual(8);
    expect(second!.overrun).toBeGreaterThanOrEqual(8);
    expect(alarms).toMatchObject([{ alarm: 'reconcile_overrun', overrun: second!.overrun }]);
    await expect(
      world.stock.executor.query(
        `insert into converge.reconcile_run (reconciler, cause, state, led) values ('stock', 'x', 'running', true), ('stock', 'x', 'running', true)`,
      ),
    ).rejects.toThrow('reconcile_run_open');
  });

  it('starts that were missed in an outage are left out with the policy skip, and recorded', async () => {
    const one = leader('one', undefined, { schedule: { cron: yearly, missed: 'skip' } });
    await leadOnce(one, never);
    await backBy('400 days');
    expect(await leadOnce(one, never)).toBeUndefined();
    expect(await lastRun()).toMatchObject({
      state: 'skipped',
      missed: 1,
      reason: '1 starts could not be made in time',
    });
    expect(await leadOnce(one, never)).toBeUndefined();
    expect(await runs()).toHaveLength(2);
    // In time again.
    const quick = leader('one', undefined, everySecond);
    await backBy('1 second');
    expect(await leadOnce(quick, never)).toBe(0);
  });
});

describe('a request', () => {
  it('G7f, G7g: a requested run is made once by the process that leads, whichever asked for it', async () => {
    await setWanted({ a: 1 });
    const [one, two] = [
      leader('one', undefined, { schedule: undefined }),
      leader('two', undefined, { schedule: undefined }),
    ];
    expect(await leadOnce(one, never)).toBeUndefined();
    expect(await requestRun(world.stock.executor, 'stock', { by: 'alice', reason: 'a run now' })).toBe(true);
    expect(await requestRun(world.stock.executor, 'stock', { by: 'bob', reason: 'a run now' })).toBe(false);
    expect(await readStatus(world.stock.executor)).toMatchObject([
      { name: 'stock', requestedBy: 'alice', leader: 'one' },
    ]);
    expect(await leadOnce(two, never)).toBeUndefined();
    expect(await leadOnce(one, never)).toBe(1);
    expect(await leadOnce(one, never)).toBeUndefined();
    expect(await runs()).toMatchObject([
      { cause: 'run now', actor: 'alice', state: 'completed', holder: 'one' },
    ]);
  });
});
