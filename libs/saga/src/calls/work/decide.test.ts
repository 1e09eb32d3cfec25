import type { Category, Certainty, Failure } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import { type Answer, decide, nextOp, type Rules, type Tried } from './decide.ts';
import type { Op } from './work.ts';

const backoff = { baseMs: 100, factor: 2, capMs: 1_000 };
const schedule = { fast: backoff, fastAttempts: 60, slow: backoff, withinMs: Number.POSITIVE_INFINITY };
const rules = (more: Partial<Rules> = {}): Rules => ({
  idempotency: 'keyed',
  canQuery: false,
  schedule,
  ...more,
});
const tried = (more: Partial<Tried> = {}): Tried => ({
  found: 'ready',
  attempts: 0,
  queries: 0,
  ageMs: 0,
  finalInMs: 500,
  doubt: false,
  covered: false,
  ...more,
});
const failed = (
  category: Category,
  certainty: Certainty,
  more: Partial<Failure> & { made?: boolean } = {},
): Answer => {
  const { made = true, ...rest } = more;
  return {
    kind: 'failed',
    made,
    failure: { category, certainty, code: 'X', message: 'x', structural: false, ...rest },
  };
};
const half = (): number => 0.5;

describe('the next operation of a worker', () => {
  it.each([
    ['ready', 'keyed', true, 'call'],
    ['ready', 'none', false, 'call'],
    ['calling', 'none', true, 'query'],
    ['calling', 'keyed', false, 'call'],
    ['calling', 'none', false, 'stuck'],
    ['unknown', 'keyed', true, 'query'],
    ['unknown', 'idempotent', false, 'call'],
    ['unknown', 'none', false, 'stuck'],
    ['answered', 'none', false, 'settle'],
  ] as const)(
    'a row found %s, with idempotency %s and a query (%s), is processed by: %s',
    (found, idempotency, canQuery, op) => {
      expect(nextOp(found, rules({ idempotency, canQuery }))).toBe(op);
    },
  );
});

describe('the decision after an answer', () => {
  const no = { category: 'business', certainty: 'not_applied', code: 'NO', message: 'no' } as const;
  const cases: readonly (readonly [string, Op, Answer, Partial<Tried>, Partial<Rules>, object])[] = [
    ['a success', 'call', { kind: 'applied', result: '1' }, {}, {}, { kind: 'succeed', result: '1' }],
    ['a "no"', 'call', { kind: 'rejected', failure: no }, {}, {}, { kind: 'fail', failure: no }],
    ['a "no" to a repeat under the key', 'call', { kind: 'rejected', failure: no }, { found: 'unknown' }, {}, { kind: 'fail' }],
    ['a "no" to a repeat without a key', 'call', { kind: 'rejected', failure: no }, { found: 'unknown' }, { idempotency: 'idempotent', canQuery: true }, { kind: 'again', state: 'unknown', wait: { rule: 'slow_schedule' } }],
    ['a "no" to a repeat without a key while an earlier call may arrive', 'call', { kind: 'rejected', failure: no }, { doubt: true }, { idempotency: 'idempotent', canQuery: true }, { kind: 'again', state: 'unknown' }],
    ['no answer, and a query', 'call', failed('network', 'unknown'), {}, { canQuery: true }, { kind: 'again', state: 'unknown', wait: { computedMs: 75, rule: 'slow_schedule' } }],
    ['no answer to a keyed call', 'call', failed('network', 'unknown'), {}, {}, { kind: 'again', state: 'unknown', wait: { computedMs: 75, rule: 'slow_schedule' } }],
    ['no answer to a call that must not be repeated', 'call', failed('network', 'unknown'), {}, { idempotency: 'none' }, { kind: 'stuck', reason: 'outcome_unknown' }],
    ['a result that cannot be read', 'call', failed('data', 'applied'), {}, {}, { kind: 'stuck', reason: 'result_lost' }],
    ['a result that cannot be read, and a query', 'call', failed('data', 'applied'), {}, { canQuery: true }, { kind: 'again', state: 'unknown' }],
    ['a query with a result that cannot be read', 'query', failed('data', 'applied'), { found: 'unknown' }, { canQuery: true }, { kind: 'stuck', reason: 'result_lost' }],
    ['a refused connection', 'call', failed('network', 'not_applied'), {}, {}, { kind: 'again', state: 'ready', wait: { computedMs: 75, rule: 'slow_schedule' } }],
    ['a refused connection, the tenth time', 'call', failed('network', 'not_applied'), { attempts: 9 }, {}, { kind: 'again', state: 'ready', wait: { computedMs: 750 } }],
    ['a refused connection for a repeat', 'call', failed('network', 'not_applied'), { found: 'unknown' }, {}, { kind: 'again', state: 'unknown' }],
    ['a missing permission', 'call', failed('configuration', 'not_applied', { structural: true }), {}, {}, { kind: 'again', state: 'ready' }],
    ['an input that the other side refuses', 'call', failed('data', 'not_applied'), {}, {}, { kind: 'fail', failure: { code: 'X' } }],
    ['a throttling that asks for 0.9 s', 'call', failed('throttle', 'not_applied', { retryAfterMs: 900 }), {}, {}, { kind: 'again', state: 'ready', wait: { computedMs: 900, rule: 'retry_after' } }],
    ['a throttling that asks for a year', 'call', failed('throttle', 'not_applied', { retryAfterMs: 3e10 }), {}, {}, { kind: 'again', wait: { computedMs: 5_075, rule: 'retry_after' } }],
    ['an open breaker', 'call', failed('service', 'not_applied', { code: 'BREAKER_OPEN', retryAfterMs: 700, made: false }), {}, {}, { kind: 'again', state: 'ready', wait: { computedMs: 750, rule: 'breaker_open' } }],
    ['an open breaker for a repeat', 'call', failed('service', 'not_applied', { code: 'BREAKER_OPEN', retryAfterMs: 700, made: false }), { found: 'calling' }, {}, { kind: 'again', state: 'unknown' }],
    ['refusals for too long', 'call', failed('network', 'not_applied'), { ageMs: 100 }, { schedule: { ...schedule, withinMs: 100 } }, { kind: 'fail', failure: { code: 'GAVE_UP' } }],
    ['refusals for too long while an earlier call may arrive', 'call', failed('network', 'not_applied'), { ageMs: 100, doubt: true }, { schedule: { ...schedule, withinMs: 100 } }, { kind: 'again', state: 'unknown' }],
    ['an outcome that is unknown for too long', 'call', failed('network', 'unknown'), { ageMs: 100 }, { schedule: { ...schedule, withinMs: 100 } }, { kind: 'again', state: 'unknown' }],
    ['a query that finds the call', 'query', { kind: 'applied', result: '1' }, { found: 'unknown' }, {}, { kind: 'succeed' }],
    ['a query that finds a "no"', 'query', { kind: 'rejected', failure: no }, { found: 'unknown' }, { idempotency: 'none' }, { kind: 'fail' }],
    ['a query that does not find a keyed call', 'query', { kind: 'not_found' }, { found: 'unknown' }, {}, { kind: 'again', state: 'ready' }],
    ['a query that does not find a call yet', 'query', { kind: 'not_found' }, { found: 'unknown' }, { idempotency: 'none' }, { kind: 'again', state: 'unknown', wait: { computedMs: 500, rule: 'not_final' } }],
    ['a query that finally does not find a call', 'query', { kind: 'not_found' }, { found: 'unknown', finalInMs: 0 }, { idempotency: 'none' }, { kind: 'again', state: 'ready' }],
    ['a query that does not find a late call, which may be on its way', 'query', { kind: 'not_found' }, { found: 'unknown', ageMs: 9 }, { schedule: { ...schedule, withinMs: 9 } }, { kind: 'again', state: 'unknown', wait: { rule: 'not_final' } }],
    ['a query that finally does not find a late call', 'query', { kind: 'not_found' }, { found: 'unknown', ageMs: 9, finalInMs: 0 }, { schedule: { ...schedule, withinMs: 9 } }, { kind: 'fail' }],
    ['a query that finds no effect to undo yet, after an undo without an answer', 'query', { kind: 'applied', result: '1' }, { found: 'unknown' }, { idempotency: 'none', isUndo: true }, { kind: 'again', state: 'unknown', wait: { computedMs: 500, rule: 'not_final' } }],
    ['a query that finds no effect to undo yet, and whose event cannot be made', 'query', failed('bug', 'applied'), { found: 'unknown' }, { idempotency: 'none', isUndo: true }, { kind: 'again', state: 'unknown', wait: { computedMs: 500, rule: 'not_final' } }],
    ['a query that finally finds no effect to undo, and whose event cannot be made', 'query', failed('bug', 'applied'), { found: 'unknown', finalInMs: 0 }, { idempotency: 'none', isUndo: true }, { kind: 'stuck', reason: 'result_lost' }],
    ['a query that finally finds no effect to undo', 'query', { kind: 'applied', result: '1' }, { found: 'unknown', finalInMs: 0 }, { idempotency: 'none', isUndo: true }, { kind: 'succeed' }],
    ['an undo without an answer, which can be neither queried nor repeated', 'call', failed('network', 'unknown'), {}, { idempotency: 'none', isUndo: true }, { kind: 'stuck', reason: 'outcome_unknown' }],
    ['a query without an answer', 'query', failed('network', 'unknown'), { found: 'unknown' }, { canQuery: true }, { kind: 'again', state: 'unknown', wait: { computedMs: 75 } }],
  ]; // prettier-ignore
  it.each(cases)('a worker decides what to do after %s', (_, op, answer, row, call, next) => {
    expect(decide(op as 'call' | 'query', answer, tried(row), rules(call), half)).toMatchObject(next);
  });
});
