import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { ConvergeError, type Failure } from '@convergekit/core';
import type { AttemptReport } from './retry.ts';
import { defaultPolicy, type Policy, retry } from './index.ts';

const policy: Policy = { ...defaultPolicy, backoff: { baseMs: 100, factor: 2, capMs: 10_000 } };
/** Draws the upper end of every delay. */
const most = (): number => 1 - Number.EPSILON;

const failing = (detail: Partial<Failure> = {}): ConvergeError =>
  new ConvergeError('x', { code: 'X', category: 'network', certainty: 'not_applied', ...detail });

/** Runs `fn` under retry on a manual clock that jumps over each sleep. */
async function run<T>(
  fn: (attempt: number, signal: AbortSignal) => Promise<T>,
  change: Partial<Policy> = {},
  signal?: AbortSignal,
) {
  const clock = manualClock();
  const reports: AttemptReport[] = [];
  const starts: number[] = [];
  const result = retry(
    (attempt, inner) => {
      starts.push(clock.monotonic());
      return fn(attempt, inner);
    },
    {
      policy: { ...policy, ...change },
      clock,
      random: most,
      onAttempt: (report) => reports.push(report),
      ...(signal && { signal }),
    },
  ).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  await clock.advance(0);
  while (clock.untilNextMs !== undefined) await clock.advance(clock.untilNextMs);
  return { ...(await result), reports, starts, sleepers: clock.sleepers, ended: clock.monotonic() };
}

describe('retry', () => {
  it('retry waits for the admission of each attempt, and a refused one ends it with the last failure', async () => {
    const clock = manualClock();
    const error = failing();
    const refusal = failing({ code: 'NO_CALL_LEFT' });
    const within: number[] = [];
    const admitted = (calls: number) => (ms: number) =>
      within.push(ms) > calls ? Promise.reject(refusal) : Promise.resolve();
    const ran = async (calls: number) => {
      within.length = 0;
      const options = { policy, clock, random: most, admit: admitted(calls) };
      const ended = retry(() => Promise.reject(error), options).catch((thrown: unknown) => thrown);
      await clock.advance(0);
      while (clock.untilNextMs !== undefined) await clock.advance(clock.untilNextMs);
      return ended;
    };
    expect([await ran(0), within]).toEqual([refusal, [policy.deadlineMs]]);
    expect([await ran(2), within.length]).toEqual([error, 3]);
  });

  it('retry returns the first success and reports nothing more', async () => {
    const { reports, ...rest } = await run((attempt) => Promise.resolve(attempt));
    expect(rest).toMatchObject({ value: 1, starts: [0], sleepers: 0 });
    expect(reports).toEqual([{ attempt: 1, durationMs: 0 }]);
  });

  it('retry waits longer each time, reports every attempt, and rejects with the last error', async () => {
    const error = failing();
    const ended = await run(() => Promise.reject(error));
    expect(ended).toMatchObject({ error, starts: [0, 99, 298] });
    expect(ended.reports.map(({ attempt, decision }) => [attempt, decision])).toEqual([
      [1, { kind: 'again', wait: { computedMs: 99, capMs: 100, rule: 'backoff' } }],
      [2, { kind: 'again', wait: { computedMs: 199, capMs: 200, rule: 'backoff' } }],
      [3, { kind: 'give_up', reason: 'attempts' }],
    ]);
    expect(ended.reports[0]?.failure).toMatchObject({ category: 'network', code: 'X' });
  });

  it('a function that throws synchronously is handled like one that rejects', async () => {
    const ended = await run(() => {
      throw failing({ category: 'business' });
    });
    expect(ended).toMatchObject({ error: { category: 'business' }, starts: [0] });
  });

  it.each(['data', 'configuration', 'business'] as const)('%s failures are not retried', async (category) => {
    const ended = await run(() => Promise.reject(failing({ category })));
    expect(ended.starts).toEqual([0]);
    expect(ended.reports[0]?.decision).toEqual({ kind: 'give_up', reason: 'not_retryable' });
  });

  it('an applied or structural failure is not retried', async () => {
    expect((await run(() => Promise.reject(failing({ certainty: 'applied' })))).starts).toEqual([0]);
    expect((await run(() => Promise.reject(failing({ category: 'bug', structural: true })))).starts).toEqual([
      0,
    ]);
    expect((await run(() => Promise.reject(failing({ category: 'bug' })))).starts).toHaveLength(3);
  });

  it('contention reruns the attempt without counting it, up to a bound', async () => {
    let contended = 4;
    const won = await run((attempt) =>
      contended-- > 0 ? Promise.reject(failing({ category: 'contention' })) : Promise.resolve(attempt),
    );
    expect(won).toMatchObject({ value: 1, starts: [0, 99, 298, 697, 1496] });
    const lost = await run(() => Promise.reject(failing({ category: 'contention' })), {
      backoff: { baseMs: 0, factor: 1, capMs: 0 },
    });
    expect(lost.starts).toHaveLength(51);
    expect(lost.reports.at(-1)?.decision).toEqual({ kind: 'give_up', reason: 'attempts' });
  });

  it.each([
    ['nothing: its own delay, from a base of 1 s', undefined, 999],
    ['less than its own delay', 10, 999],
    ['a little more', 2000, 2000],
    ['an hour: no more than 5 s above its own', 3_600_000, 5999],
  ])('S6: a retry after throttling waits as requested: %s', async (_, retryAfterMs, waitMs) => {
    const throttled = failing({ category: 'throttle', ...(retryAfterMs !== undefined && { retryAfterMs }) });
    const ended = await run((attempt) => (attempt === 1 ? Promise.reject(throttled) : Promise.resolve('ok')));
    expect(ended).toMatchObject({ value: 'ok', starts: [0, waitMs] });
  });
});

describe('time limits of retry', () => {
  it('S10: an attempt that takes too long is aborted with unknown outcome, and retried', async () => {
    const reasons: unknown[] = [];
    const ended = await run(
      (attempt, signal) => {
        signal.addEventListener('abort', () => reasons.push((signal.reason as Error).name));
        return attempt === 1 ? new Promise<never>(() => undefined) : Promise.resolve('ok');
      },
      { attemptTimeoutMs: 500 },
    );
    expect(ended).toMatchObject({ value: 'ok', starts: [0, 599], sleepers: 0 });
    expect(ended.reports[0]?.failure).toMatchObject({ code: 'TIMEOUT', certainty: 'unknown' });
    expect(reasons).toEqual(['TimeoutError']);
  });

  it('no attempt starts after the deadline, and no wait ends after it', async () => {
    const ended = await run(() => Promise.reject(failing()), { attempts: 100, deadlineMs: 1000 });
    expect(ended.starts).toEqual([0, 99, 298, 697]);
    expect(ended.reports.at(-1)?.decision).toEqual({ kind: 'give_up', reason: 'deadline' });
    expect(ended.ended).toBe(697);
  });

  it('the last attempt is shortened to the remaining time', async () => {
    const never = (): Promise<never> => new Promise<never>(() => undefined);
    const ended = await run(never, { attempts: 5, attemptTimeoutMs: 600, deadlineMs: 1000 });
    expect(ended.starts).toEqual([0, 699]);
    expect(ended.ended).toBe(1000);
  });
});

describe('a caller that aborts', () => {
  it('an abort of the caller ends the wait between attempts at once', async () => {
    const controller = new AbortController();
    const ended = await run(
      () => {
        setImmediate(() => controller.abort(new Error('stopping')));
        return Promise.reject(failing());
      },
      {},
      controller.signal,
    );
    expect(ended).toMatchObject({ error: { message: 'stopping' }, starts: [0], sleepers: 0, ended: 0 });
  });

  it('an abort of the caller ends retry even if the attempt ignores its signal', async () => {
    const controller = new AbortController();
    const ended = await run(
      () => {
        setImmediate(() => controller.abort(new Error('stopping')));
        return new Promise<never>(() => undefined);
      },
      {},
      controller.signal,
    );
    expect(ended).toMatchObject({ error: { message: 'stopping' }, sleepers: 0, reports: [], ended: 0 });
  });

  it('an abort before the first attempt prevents it', async () => {
    const ended = await run(() => Promise.resolve(1), {}, AbortSignal.abort(new Error('gone')));
    expect(ended).toMatchObject({ error: { message: 'gone' }, starts: [] });
  });
});
