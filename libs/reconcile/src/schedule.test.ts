import { expect, it } from 'vitest';
import { defineReconciler, type Reconciler } from './reconciler.ts';
import { isDue, nextRun } from './schedule.ts';

const scheduled = (schedule?: string, timeZone?: string, over: object = {}): Reconciler =>
  defineReconciler({
    name: 'stock',
    ...(schedule === undefined ? {} : { schedule }),
    ...(timeZone === undefined ? {} : { timeZone }),
    keys: { scan: async function* () {} },
    desired: { in: 'a', read: () => Promise.resolve(null) },
    actual: { in: 'b', read: () => Promise.resolve(null) },
    compare: () => null,
    repair: () => Promise.resolve(1),
    ...over,
  });
const at = (text: string): Date => new Date(`2026-03-29T${text}Z`);

it.each([
  ['a first run is due at once', '*/5 * * * *', null, at('10:01:00'), true],
  ['a run is not due before its time', '*/5 * * * *', at('10:00:00'), at('10:04:59'), false],
  ['a run is due at its time', '*/5 * * * *', at('10:00:00'), at('10:05:00'), true],
  ['a run is due after missed times', '*/5 * * * *', at('08:00:00'), at('10:04:00'), true],
  [
    'a run after missed times is not due again before the next time',
    '*/5 * * * *',
    at('10:04:00'),
    at('10:04:30'),
    false,
  ],
  [
    'a run is due by the second where the pattern has seconds',
    '*/2 * * * * *',
    at('10:00:00'),
    at('10:00:02'),
    true,
  ],
])('%s', (_name, schedule, last, now, due) => {
  expect(isDue(scheduled(schedule), last, now)).toBe(due);
});

it('a reconciler without a schedule is never due', () => {
  expect(isDue(scheduled(), null, at('10:00:00'))).toBe(false);
  expect(nextRun(scheduled(), at('10:00:00'))).toBeNull();
});

it('the time zone decides the time of a run, even on the day the clocks change', () => {
  expect(nextRun(scheduled('0 9 * * *', 'Europe/Berlin'), at('00:30:00'))?.toISOString()).toBe(
    '2026-03-29T07:00:00.000Z',
  );
});

it.each([
  [{ name: 'Stock!' }, /name is "Stock!"; use lower-case/],
  [{ schedule: 'whenever' }, /schedule is "whenever"; croner does not accept it/],
  [{ schedule: '0 0 30 2 *' }, /it never comes/],
  [{ limits: { share: 2 } }, /limits.share is 2; give a share from 0 to 1/],
  [{ timing: { quietMs: 10, maxWaitMs: 5 } }, /timing.maxWaitMs is 5; give at least quietMs \(10\)/],
  [{ limits: { repairs: 1.5 } }, /limits.repairs is 1.5; give a whole number/],
])('an invalid declaration %j is rejected with field, value and fix', (over, message) => {
  expect(() => scheduled(undefined, undefined, over)).toThrow(message);
});
