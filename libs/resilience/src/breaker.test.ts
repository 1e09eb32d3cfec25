/**
 * Code that was removed once, and a test here failed: the window's end (old failures counted for ever), a probe's identity (a
 * call of an earlier time counted for it), the probes' limit, the time of a probe (one that hangs, one that ends late),
 * growth of the open time, our own refusals (in the window, of a probe).
 */
import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { manualClock } from '@convergekit/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit, BREAKER_OPEN, closedBreaker, PROBE_LEASE_MS, PROBES, recordResult } from './breaker-state.ts';
import type { BreakerSettings, BreakerState, Probe } from './breaker-state.ts';
import { CircuitBreaker } from './breaker.ts';

const settings: BreakerSettings = {
  windowMs: 1_000,
  minimumCalls: 4,
  failureRate: 0.5,
  slowCallMs: 100,
  slowRate: 0.75,
  open: { baseMs: 1_000, factor: 2, capMs: 4_000 },
};
const down = (): Promise<never> =>
  Promise.reject(new ConvergeError('down', { code: 'X', category: 'network', certainty: 'not_applied' }));
const up = (): Promise<string> => Promise.resolve('up');

function breaker() {
  const clock = manualClock();
  const changes: string[] = [];
  const made = new CircuitBreaker({
    name: 'bank',
    settings,
    clock,
    random: () => 0,
    onChange: (kind) => changes.push(kind),
  });
  const fail = async (times: number): Promise<void> => {
    for (let call = 0; call < times; call += 1) await made.run(down).catch(() => undefined);
  };
  return { made, clock, changes, fail };
}

describe('a circuit breaker', () => {
  it('a breaker opens when half of enough calls failed, and then calls nothing', async () => {
    const { made, fail } = breaker();
    await fail(3);
    expect(made.state.kind).toBe('closed');
    await fail(1);
    expect(made.state).toEqual({ kind: 'open', untilMs: 500, openings: 1 });
    let called = 0;
    const refused = made.run(() => Promise.resolve((called += 1)));
    await expect(refused).rejects.toMatchObject({
      code: BREAKER_OPEN,
      retryAfterMs: 500,
      category: 'service',
    });
    await expect(refused).rejects.toThrow(
      'bank was not called: it failed too often; the next call may go through in 500 ms',
    );
    expect(called).toBe(0);
  });

  it('a breaker opens for slow calls that succeed', async () => {
    const { made, clock } = breaker();
    for (let call = 0; call < 4; call += 1) await made.run(() => clock.advance(101));
    expect(made.state.kind).toBe('open');
  });

  it('a business rejection does not count against the dependency', async () => {
    const { made } = breaker();
    for (let call = 0; call < 50; call += 1)
      await made.run(() => Promise.reject(new BusinessRejection('declined'))).catch(() => undefined);
    expect(made.state.kind).toBe('closed');
  });

  it('a full bulkhead, a passed deadline and an open inner breaker count as no call', async () => {
    const { made, fail } = breaker();
    await fail(2);
    for (const code of ['BULKHEAD_FULL', 'DEADLINE_PASSED', BREAKER_OPEN])
      for (let call = 0; call < 50; call += 1)
        await made
          .run(() =>
            Promise.reject(
              new ConvergeError('refused', { code, category: 'throttle', certainty: 'not_applied' }),
            ),
          )
          .catch(() => undefined);
    expect(made.state.kind).toBe('closed');
    // Nor do rejected calls count as successes that hide the failures.
    await fail(2);
    expect(made.state.kind).toBe('open');
  });

  it('a probe that was not called frees its slot and changes nothing', async () => {
    const { made, clock, fail } = breaker();
    await fail(4);
    await clock.advance(500);
    const full = new ConvergeError('full', {
      code: 'BULKHEAD_FULL',
      category: 'throttle',
      certainty: 'not_applied',
    });
    for (let call = 0; call < 5; call += 1) await made.run(() => Promise.reject(full)).catch(() => undefined);
    expect(made.state).toMatchObject({ kind: 'half_open', succeeded: 0, probes: [] });
    await Promise.all(Array.from({ length: PROBES }, () => made.run(up)));
    expect(made.state.kind).toBe('closed');
  });

  it('a probe that hangs past its time reopens the breaker, for longer each time', async () => {
    const { made, clock, fail } = breaker();
    await fail(4);
    await clock.advance(500);
    const hanging = Promise.withResolvers<string>();
    void made.run(() => hanging.promise);
    await clock.advance(PROBE_LEASE_MS);
    await expect(made.run(up)).rejects.toMatchObject({ code: BREAKER_OPEN });
    expect(made.state).toMatchObject({ kind: 'open', openings: 2 });
    hanging.resolve('late');
    await hanging.promise;
    expect(made.state).toMatchObject({ kind: 'open', openings: 2 });
  });

  it('a probe that ends after its time counts as failed even if it succeeded', async () => {
    const { made, clock, fail } = breaker();
    made.configure({ ...settings, slowCallMs: 2 * PROBE_LEASE_MS });
    await fail(4);
    await clock.advance(500);
    await made.run(() => clock.advance(PROBE_LEASE_MS + 1));
    expect(made.state).toMatchObject({ kind: 'open', openings: 2 });
  });

  it('failures older than the window do not count', async () => {
    const { made, clock, fail } = breaker();
    await fail(3);
    await clock.advance(1_100);
    await fail(3);
    expect(made.state.kind).toBe('closed');
  });

  it('a half-open breaker admits a few probes, closes after their success, and counts from zero', async () => {
    const { made, clock, changes, fail } = breaker();
    await fail(4);
    await clock.advance(500);
    const { promise, resolve } = Promise.withResolvers<string>();
    const probes = Array.from({ length: PROBES }, () => made.run(() => promise));
    await expect(made.run(up)).rejects.toMatchObject({ code: BREAKER_OPEN, retryAfterMs: PROBE_LEASE_MS });
    resolve('up');
    await Promise.all(probes);
    expect(changes).toEqual(['open', 'half_open', 'closed']);
    await fail(3);
    expect(made.state.kind).toBe('closed');
  });

  it('each failed probe keeps the breaker open for longer, up to the cap', async () => {
    const { made, clock, fail } = breaker();
    await fail(4);
    const opened: number[] = [];
    for (let time = 0; time < 4; time += 1) {
      const { state } = made;
      if (state.kind !== 'open') throw new Error(`it is ${state.kind}`);
      opened.push(state.untilMs - clock.monotonic());
      await clock.advance(state.untilMs - clock.monotonic());
      await fail(1);
    }
    expect(opened).toEqual([500, 1_000, 2_000, 2_000]);
  });

  it('results of calls from before the last opening are ignored', async () => {
    const { made, clock, fail } = breaker();
    const { promise, resolve } = Promise.withResolvers<string>();
    const early = [made.run(() => promise), made.run(() => promise)];
    await fail(4);
    await clock.advance(500);
    const probe = Promise.withResolvers<string>();
    const probing = made.run(() => probe.promise);
    resolve('late');
    await Promise.all(early);
    expect(made.state).toMatchObject({ kind: 'half_open', succeeded: 0, probes: [{}] });
    probe.resolve('up');
    await probing;
    expect(made.state).toMatchObject({ kind: 'half_open', succeeded: 1, probes: [] });
  });

  it('operators isolate and restore a breaker', async () => {
    const { made } = breaker();
    made.isolate();
    await expect(made.run(up)).rejects.toThrow('an operator has isolated it');
    made.restore();
    await expect(made.run(up)).resolves.toBe('up');
  });

  it('a breaker keeps its rules over any history', () => {
    const step = fc.record({
      act: fc.constantFrom('call', 'ok', 'fail', 'wait'),
      ms: fc.integer({ min: 1, max: 700 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let state: BreakerState = closedBreaker;
        let now = 0;
        const running: { probe: Probe | undefined; at: number }[] = [];
        for (const { act, ms } of steps) {
          if (act === 'wait') now += ms;
          else if (act === 'call') {
            const admission = admit(state, { now, random: () => 0.5, settings });
            // An open breaker admits nothing; a rejection names a retry time, and a call at that time is admitted.
            if (state.kind === 'open') expect(admission.admitted).toBe(now >= state.untilMs);
            if (!admission.admitted) expect(admission.retryAfterMs).toBeGreaterThan(0);
            else running.push({ probe: admission.probe, at: now });
            state = admission.state;
          } else {
            const call = running.shift();
            if (call === undefined) continue;
            const before = state;
            const result = {
              probe: call.probe,
              outcome: act === 'fail' ? ('failed' as const) : ('succeeded' as const),
              durationMs: now - call.at,
            };
            state = recordResult(state, result, { now, random: () => 0.5, settings });
            if (before.kind === 'open') expect(state).toBe(before);
            if (before.kind === 'half_open' && state.kind === 'closed') expect(act).toBe('ok');
          }
          if (state.kind === 'half_open')
            expect(state.probes.length + state.succeeded).toBeLessThanOrEqual(PROBES);
        }
      }),
    );
  });
});
