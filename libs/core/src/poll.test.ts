import { manualClock } from '@convergekit/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loopService, poll, Wake } from './engine.ts';
import { seededRandom, type Service } from './index.ts';
import type { PollOptions } from './poll.ts';
import { stressService } from './service-stress.ts';

/** Starts a loop on a manual clock and records when its runs begin. The first period is not shortened by default. */
function polling(
  run: PollOptions['run'] = (): Promise<void> => Promise.resolve(),
  change: Partial<PollOptions> = {},
) {
  const clock = manualClock();
  const wake = new Wake();
  const stop = new AbortController();
  const begins: number[] = [];
  const errors: unknown[] = [];
  const ended = poll({
    everyMs: 100,
    signal: stop.signal,
    wake,
    clock,
    random: () => 0,
    run: (async () => {
      begins.push(clock.monotonic());
      return run();
    }) as PollOptions['run'],
    onError: (error) => void errors.push(error),
    ...change,
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await clock.advance(0);
    await ended;
  };
  return { clock, wake, stop, begins, errors, ended, end };
}

describe('poll', () => {
  it('runs at once, then at the end of every period', async () => {
    const { clock, begins, end } = polling();
    await clock.advance(350);
    expect(begins).toEqual([0, 100, 200, 300]);
    await end();
  });

  it('a loop that does not begin immediately runs first at the end of its first period', async () => {
    const { clock, begins, end } = polling(undefined, { immediately: false });
    await clock.advance(250);
    expect(begins).toEqual([100, 200]);
    await end();
  });

  // Planted fault: with a sleep of one period after each run, the begins of the runs drift apart from the grid.
  it('the begin of every run is on one grid, whatever runs take, and a period that passes during a run is skipped', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 350 }), { minLength: 1, maxLength: 20 }),
        fc.integer(),
        async (durations, seed) => {
          const clock = manualClock();
          const stop = new AbortController();
          const begins: number[] = [];
          const ends: number[] = [];
          const ended = poll({
            everyMs: 100,
            signal: stop.signal,
            clock,
            random: seededRandom(seed),
            run: async () => {
              const ms = durations[begins.length];
              begins.push(clock.monotonic());
              if (ms === undefined) stop.abort();
              else await clock.sleep(ms);
              ends.push(clock.monotonic());
            },
            onError: () => undefined,
          });
          await clock.advance(500 * (durations.length + 1));
          await ended;
          const phase = 100 * (1 - seededRandom(seed)() / 2);
          expect(begins).toHaveLength(durations.length + 1);
          for (const [index, begin] of begins.slice(1).entries()) {
            const periods = (begin - phase) / 100;
            expect(Math.abs(periods - Math.round(periods))).toBeLessThan(1e-6);
            const waited = begin - (ends[index] ?? Number.NaN);
            expect(waited).toBeGreaterThanOrEqual(0);
            expect(waited).toBeLessThanOrEqual(101);
          }
        },
      ),
      { numRuns: 100 },
    ));

  it('loops that start together do not run together after the first run', async () => {
    const loops = [1, 2, 3, 4].map((seed) => polling(undefined, { random: seededRandom(seed) }));
    await Promise.all(loops.map(({ clock }) => clock.advance(100)));
    const second = loops.map(({ begins }) => begins[1] ?? 0);
    expect(new Set(second).size).toBe(4);
    expect(Math.min(...second)).toBeGreaterThanOrEqual(50);
    await Promise.all(loops.map(({ end }) => end()));
  });

  // Planted fault: without the memory of a request, a notification during a run is lost until the period ends.
  it('any number of notifications cause one run, also those that arrive during a run', async () => {
    let wakes = 3;
    const { clock, wake, begins, end } = polling(async () => {
      await Promise.resolve();
      for (; wakes > 0; wakes -= 1) wake.notify();
    });
    await clock.advance(10);
    expect(begins).toEqual([0, 0]);
    wake.notify();
    wake.notify();
    await clock.advance(10);
    expect(begins).toEqual([0, 0, 10]);
    await clock.advance(100);
    expect(begins).toEqual([0, 0, 10, 100]);
    await end();
  });

  it('a run that knows when the next one is due is followed by it, but never later than the period', async () => {
    const answers = [{ afterMs: 0 }, { afterMs: 30 }, { afterMs: 1_000 }, undefined];
    const { clock, begins, end } = polling(() => Promise.resolve(answers.shift()));
    await clock.advance(250);
    expect(begins).toEqual([0, 0, 30, 100, 200]);
    await end();
  });

  it('runs that fail are reported and repeated with backoff, which a notification does not shorten', async () => {
    let broken = true;
    const { clock, wake, begins, errors, end } = polling(
      async () => {
        await Promise.resolve();
        if (broken) throw new Error('away');
      },
      { random: () => 0.5, backoff: { baseMs: 20, factor: 2, capMs: 40 } },
    );
    await clock.advance(5);
    wake.notify();
    await clock.advance(45);
    expect(begins).toEqual([0, 10, 30, 50]);
    expect(errors).toHaveLength(4);
    broken = false;
    await clock.advance(20);
    expect(begins).toEqual([0, 10, 30, 50, 70]);
    await clock.advance(105); // on the grid again: the first period was shortened to 75 ms
    expect(begins.slice(5)).toEqual([75, 175]);
    await end();
  });

  it('an error that onError throws ends the loop, which rejects with it', async () => {
    const { ended } = polling((): Promise<void> => Promise.reject(new Error('misconfigured')), {
      onError: (error) => {
        throw error;
      },
    });
    await expect(ended).rejects.toThrow('misconfigured');
  });

  // Planted fault: without the look at the signal after a failure, a run that the stop interrupts is reported.
  it('a stop awaits the run that is under way, and what that run rejects with is not reported', async () => {
    const running = Promise.withResolvers<undefined>();
    const { clock, stop, ended, begins, errors } = polling(() => running.promise);
    let over = false;
    void ended.then(() => (over = true));
    await clock.advance(10);
    stop.abort();
    await clock.advance(1_000);
    expect(over).toBe(false);
    running.reject(new Error('interrupted'));
    await ended;
    expect([begins, errors]).toEqual([[0], []]);
    expect(clock.sleepers).toBe(0);
  });

  it('a loop whose signal is aborted already runs nothing', async () => {
    const { ended, begins } = polling(undefined, { signal: AbortSignal.abort() });
    await ended;
    expect(begins).toEqual([]);
  });

  it.each([0, -1, Number.NaN, Infinity, 2 ** 31])('a period of %d ms is refused', async (everyMs) => {
    const { ended } = polling(undefined, { everyMs });
    await expect(ended).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('loopService', () => {
  it('a service of a loop fulfils the obligations of a service under stress', () => {
    let runs = 0;
    const make = (): Service => {
      const wake = new Wake();
      const run = async (): Promise<void> => {
        runs += 1;
        await new Promise((resolve) => setImmediate(resolve));
        runs -= 1;
        if (runs === 0) wake.notify();
      };
      return loopService({
        name: 'loop',
        prepare: () => new Promise((resolve) => setImmediate(resolve)),
        run: (signal) => poll({ everyMs: 1_000, signal, wake, run, onError: () => undefined }),
      });
    };
    return stressService({ make, running: () => runs, rounds: 200 });
  });

  it('a service whose preparation fails rejects at start, runs no loop, and can be stopped', async () => {
    let loops = 0;
    const service = loopService({
      name: 'loop',
      prepare: () => Promise.reject(new Error('no table')),
      run: () => Promise.resolve((loops += 1)),
    });
    await expect(service.start()).rejects.toThrow('no table');
    await service.stop();
    await service.done;
    expect(loops).toBe(0);
  });

  it('a loop that rejects fails its service, and a stop drains what it has begun', async () => {
    const drained: string[] = [];
    const service = loopService({
      name: 'loop',
      run: () => Promise.reject(new Error('broken')),
      drain: () => Promise.resolve(drained.push('drained')),
    });
    await service.start();
    await expect(service.done).rejects.toThrow('broken');
    await service.stop();
    expect(drained).toEqual(['drained']);
  });
});
