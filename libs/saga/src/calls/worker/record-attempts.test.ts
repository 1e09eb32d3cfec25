import { startTelemetry, type Telemetry } from '@convergekit/telemetry/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { outcomeOf, recordAttempts } from './record-attempts.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry({ serviceName: 'test' });
});
afterAll(() => telemetry.shutdown());

const failure = (code: string) =>
  ({ category: 'service', certainty: 'not_applied', code, message: '' }) as const;
const at = '2026-01-01T00:00:00.000Z';
const wait = { computedMs: 250, capMs: 500, rule: 'slow_schedule' } as const;

// Planted fault: with `next.kind` as the outcome of every attempt, the failed ones are `again` here, not `retry`.
it('S22: the attempts of a run are counted by outcome and reason, timed by number, and the wait after them has its rule', async () => {
  recordAttempts({
    call: 'test.pay',
    earlier: 2,
    attempts: [
      { at, op: 'call', durationMs: 40, failure: failure('E500') },
      { at, op: 'call', durationMs: 60, failure: failure('E503') },
    ],
    next: { kind: 'again', state: 'ready', wait },
  });
  recordAttempts({
    call: 'test.pay',
    earlier: 4,
    attempts: [{ at, op: 'call', durationMs: 20 }],
    next: { kind: 'succeed', result: 'null' },
  });
  const lines = (await telemetry.scrape()).body.split('\n').filter((line) => line.includes('test.pay'));
  const of = (metric: string, label: string) =>
    lines
      .filter((line) => line.startsWith(metric))
      .map(
        (line) => `${new RegExp(`${label}="([^"]*)"`).exec(line)?.[1] ?? ''} ${line.split(' ').at(-1) ?? ''}`,
      );
  expect(of('converge_attempts_total', 'converge_outcome')).toEqual(['retry 1', 'retry 1', 'applied 1']);
  expect(of('converge_attempts_total', 'converge_attempt_reason')).toEqual(['E500 1', 'E503 1', 'none 1']);
  expect(of('converge_attempt_duration_seconds_count', 'converge_attempt_number')).toEqual([
    '3 1',
    '4+ 1',
    '4+ 1',
  ]);
  expect(of('converge_attempt_wait_seconds_sum', 'converge_wait_rule')).toEqual(['slow_schedule 0.25']);
});

// Planted fault: without the look at refusals an outage of nine minutes counts 67,000 attempts.
it('a call that an open breaker refused is counted and timed as no attempt', async () => {
  recordAttempts({
    call: 'test.refused',
    earlier: 0,
    attempts: [{ at, op: 'call', durationMs: 0, failure: failure('BREAKER_OPEN') }],
    next: { kind: 'again', state: 'ready', wait: { ...wait, rule: 'breaker_open' } },
  });
  expect((await telemetry.scrape()).body).not.toContain('test.refused');
});

it('the outcome of a failed attempt is a word that consumers use as well', () => {
  const reject = { kind: 'fail', failure: { ...failure('NO'), category: 'business' } } as const;
  expect(outcomeOf(reject)).toBe('reject');
  expect(outcomeOf({ kind: 'fail', failure: failure('E500') })).toBe('give_up');
  expect(outcomeOf({ kind: 'stuck', reason: 'outcome_unknown' })).toBe('stuck');
});
