import { describe, expect, it } from 'vitest';
import type { ScanChunk } from '../definition.ts';
import {
  options,
  rowsOf,
  setWanted,
  stockOf,
  stockReconciler,
  world,
  worldForEach,
} from '../fixture/stock.ts';
import { leadOnce } from './leader.ts';
import { resolveOptions, runReconciler } from '../service.ts';
import { reportKeys } from '../report-keys.ts';
import { watchKeys } from '../watch.ts';
import { drain } from '../workers.ts';
import { listRuns, readStatus } from './history-sql.ts';
import { pauseReconciler, requestRun, resumeReconciler } from './pause-sql.ts';

worldForEach();

const never = new AbortController().signal;
const by = { by: 'alice', reason: 'the warehouse counts its goods' };
const process = (holder: string) =>
  resolveOptions(stockReconciler({ schedule: '0 0 1 1 *' }), { ...options, holder });
const pause = (): Promise<boolean> => pauseReconciler(world.stock.executor, 'stock', by);
const resume = (): Promise<boolean> => resumeReconciler(world.stock.executor, 'stock', by);

describe('a paused reconciler', () => {
  // Planted fault: without the condition in the claim, workers go on with reported keys.
  it('G7g: a paused reconciler runs nothing in any process, also after a restart, and says who paused it and why', async () => {
    await setWanted({ a: 1 });
    expect([await pause(), await pause()]).toEqual([true, false]);
    await reportKeys(world.stock.executor, stockReconciler(), ['a'], { cause: 'event 1' });
    for (const holder of ['before', 'after the restart']) {
      expect(await leadOnce(process(holder), never)).toBeUndefined();
      expect(await drain(process(holder))).toEqual({});
    }
    expect(await stockOf()).toEqual({});
    expect(await readStatus(world.stock.executor, 'stock')).toMatchObject([
      { paused: { by: 'alice', reason: by.reason }, keys: { queued: 1 } },
    ]);
    const refusal =
      /paused by alice since \S+ \(the warehouse counts its goods\).*`converge reconcile resume stock` first/;
    await expect(runReconciler(stockReconciler(), options)).rejects.toThrow(refusal);
    await expect(
      requestRun(world.stock.executor, 'stock', { by: 'bob', reason: 'a run now' }),
    ).rejects.toThrow(refusal);
    expect([await resume(), await resume()]).toEqual([true, false]);
    expect(await drain(process('after'))).toEqual({ repaired: 1 });
    expect(await stockOf()).toEqual({ a: 1 });
  });

  it('G5m: a pause, its end and a requested run are each in the audit of operators once', async () => {
    await resume();
    await world.stock.executor.query(`delete from converge.audit`);
    const request = () => requestRun(world.stock.executor, 'stock', { by: 'bob', reason: 'after the count' });
    for (const act of [pause, pause, resume, resume, request, request]) await act();
    const { rows } = await world.stock.executor.query(
      `select act, subject_id as subject, by, reason from converge.audit order by id`,
    );
    expect(rows).toEqual([
      { act: 'reconcile pause', subject: 'stock', by: 'alice', reason: by.reason },
      { act: 'reconcile resume', subject: 'stock', by: 'alice', reason: by.reason },
      { act: 'reconcile run', subject: 'stock', by: 'bob', reason: 'after the count' },
    ]);
  });

  it('the keys of a paused reconciler raise no alarm', async () => {
    await reportKeys(world.stock.executor, stockReconciler(), ['a'], { cause: 'event 1' });
    await world.stock.executor.query(
      `update converge.reconcile_key set next_at = clock_timestamp() - interval '1 day'`,
    );
    expect(await watchKeys({ ...process('one'), log: { error: () => undefined } as never })).toBe(1);
    await pause();
    expect(await watchKeys(process('one'))).toBe(0);
  });

  it('a pause during a run interrupts it, and it continues at its checkpoint after the pause', async () => {
    const began: (string | null)[] = [];
    const scan = async function* (
      _: unknown,
      { after }: { after: string | null },
    ): AsyncGenerator<ScanChunk> {
      began.push(after);
      if (after === null) {
        await pause();
        yield { keys: ['a'], checkpoint: 'a' };
      }
      yield { keys: ['b'], checkpoint: 'b' };
    };
    const one = process('one');
    const paused = { ...one, reconciler: { ...one.reconciler, keys: { scan } } };
    expect(await leadOnce(paused, never)).toBeUndefined();
    expect(await leadOnce(paused, never)).toBeUndefined();
    expect(await listRuns(world.stock.executor, 'stock', 9)).toMatchObject([
      { state: 'interrupted', keys: 1 },
    ]);
    await resume();
    expect(await leadOnce(paused, never)).toBe(2);
    expect(began).toEqual([null, 'a']);
  });

  it('starts of a pause are not made up for: the schedule continues with the next one', async () => {
    const one = process('one');
    await leadOnce(one, never);
    await world.stock.executor.query(
      `update converge.reconciler set scheduled_until = clock_timestamp() - interval '400 days'`,
    );
    await pause();
    await resume();
    expect(await leadOnce(one, never)).toBeUndefined();
    expect(await rowsOf('select 1 from converge.reconcile_run')).toHaveLength(1);
  });
});
