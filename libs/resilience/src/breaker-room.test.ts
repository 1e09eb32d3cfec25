import { ConvergeError } from '@convergekit/core';
import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { defaultBreaker, type BreakerSettings, PROBE_LEASE_MS, PROBES } from './breaker-state.ts';
import { BREAKER_OPEN } from './engine.ts';
import { CircuitBreaker } from './breaker.ts';

const settings: BreakerSettings = {
  ...defaultBreaker,
  minimumCalls: 4,
  open: { baseMs: 1_000, factor: 2, capMs: 4_000 },
};
const down = (): Promise<never> =>
  Promise.reject(new ConvergeError('down', { code: 'X', category: 'network', certainty: 'not_applied' }));
const up = (): Promise<string> => Promise.resolve('up');

it('the room of a breaker is the calls that it would admit: none while it is open, then its probes, and one that finds a hanging probe', async () => {
  const clock = manualClock();
  const made = new CircuitBreaker({ name: 'bank', settings, clock, random: () => 0 });
  const fail = async (): Promise<void> => made.run(down).catch(() => undefined);
  expect(made.room).toBe(Number.POSITIVE_INFINITY);
  for (const call of [fail, fail, fail, fail]) await call();
  expect(made.room).toBe(0);
  await clock.advance(500);
  expect(made.room).toBe(PROBES);
  const { promise, resolve } = Promise.withResolvers<string>();
  const probing = made.run(() => promise);
  expect(made.room).toBe(PROBES - 1);
  await clock.advance(PROBE_LEASE_MS);
  expect(made.room).toBe(1);
  await expect(made.run(up)).rejects.toMatchObject({ code: BREAKER_OPEN });
  expect(made.room).toBe(0);
  resolve('late');
  await probing;
  made.isolate();
  expect(made.room).toBe(0);
});
