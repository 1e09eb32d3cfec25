import { waitUntil } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import type { ScanChunk } from '../definition.ts';
import { runsSceneForEach, scanOf } from '../fixture/runs-scene.ts';
import { rowsOf, world } from '../fixture/stock.ts';
import { leadOnce, leaseOf, resign } from './leader.ts';

const scene = runsSceneForEach();
const { alarms, leader, runs, lastRun } = scene;
const never = new AbortController().signal;

describe('an interrupted run', () => {
  // Planted fault: without the checkpoint the second leader begins with the first key.
  it('S40, G7f: an interrupted run is continued at its checkpoint by the next leader, with the counts up to there', async () => {
    const began: (string | null)[] = [];
    const stop = new AbortController();
    const one = leader(
      'one',
      scanOf(began, (key) => (key === 'b' ? stop.abort() : undefined)),
    );
    expect(await leadOnce(one, stop.signal)).toBeUndefined();
    expect(await lastRun()).toMatchObject({ state: 'interrupted', keys: 2 });
    await resign(one);
    expect(await leadOnce(leader('two', scanOf(began)), never)).toBe(4);
    expect(began).toEqual([null, 'b']);
    expect(await runs()).toMatchObject([{ state: 'completed', keys: 4, resumed: 1, holder: 'two' }]);
    expect(await rowsOf('select key from converge.reconcile_key order by key')).toHaveLength(4);
  });

  it('a scan without checkpoints starts again, and counts its keys once', async () => {
    const stop = new AbortController();
    const plain = (act: () => void) =>
      async function* (): AsyncGenerator<ScanChunk> {
        await Promise.resolve();
        yield ['a', 'b'];
        act();
        yield ['c'];
      };
    const one = leader(
      'one',
      plain(() => stop.abort()),
    );
    await leadOnce(one, stop.signal);
    await resign(one);
    expect(
      await leadOnce(
        leader(
          'two',
          plain(() => undefined),
        ),
        never,
      ),
    ).toBe(3);
    expect(await runs()).toMatchObject([{ state: 'completed', keys: 3, resumed: 1 }]);
  });

  it('a run whose database is away for a while is continued at its checkpoint', async () => {
    const began: (string | null)[] = [];
    let away = true;
    const flaky = scanOf(began, (key) => {
      if (key === 'c' && away) throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
    });
    const one = leader('one', flaky);
    await expect(leadOnce(one, never)).rejects.toThrow('gone');
    expect(await lastRun()).toMatchObject({
      state: 'interrupted',
      reason: expect.stringMatching(/gone/) as string,
    });
    away = false;
    expect(await leadOnce(one, never)).toBe(4);
    expect(began).toEqual([null, 'b']);
    expect(alarms).toEqual([]);
  });

  // Planted fault: where a run is saved without its holder, the former leader goes on beside its successor, and ends its run.
  it('a leader that lost its lease during a chunk saves nothing more, and its successor completes the run', async () => {
    const began: (string | null)[] = [];
    /** A scan that stops at a key until it is let on. */
    const gated = (at: string) => {
      const [reached, frozen] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
      const scan = scanOf(began, async (key) => {
        if (key !== at) return;
        reached.resolve(undefined);
        await frozen.promise;
      });
      return { scan, reached: reached.promise, thaw: () => frozen.resolve(undefined) };
    };
    const [first, second] = [gated('b'), gated('d')];
    const former = leadOnce(leader('one', first.scan), never);
    await first.reached;
    await world.stock.executor.query(
      `update converge.lease set expires_at = '-infinity' where name = '${leaseOf('stock')}'`,
    );
    const successor = leadOnce(leader('two', second.scan), never);
    await second.reached;
    first.thaw();
    expect(await former).toBeUndefined();
    expect(await runs()).toMatchObject([{ state: 'running', keys: 3, holder: 'two' }]);
    second.thaw();
    expect(await successor).toBe(4);
    expect(await runs()).toMatchObject([{ state: 'completed', keys: 4, resumed: 1, holder: 'two' }]);
    expect(began).toEqual([null, 'a']);
  });

  // Planted fault: without the renewal beside the scan, two processes take the run from each other, chunk by chunk.
  it('the lease is kept while one chunk takes longer than it', async () => {
    const [reached, long] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    const slow = scanOf([], async () => {
      reached.resolve(undefined);
      await long.promise;
    });
    const one = { ...leader('one', slow), leaseMs: 1_500 };
    const leading = leadOnce(one, never);
    await reached.promise;
    const [first] = await rowsOf<{ expires_at: Date }>('select expires_at from converge.lease');
    const expired = `select 1 from converge.lease where clock_timestamp() > '${first!.expires_at.toISOString()}'`;
    await waitUntil(async () => (await rowsOf(expired)).length > 0, {
      what: 'the first lease to pass',
    });
    expect(await leadOnce(leader('two', scanOf([])), never)).toBeUndefined();
    long.resolve(undefined);
    expect(await leading).toBe(4);
  });
});
