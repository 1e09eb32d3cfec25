import { describe, expect, it } from 'vitest';
import { defaultBreaker } from './breaker-state.ts';
import { defaultPolicy, type Policy, policyBook } from './index.ts';
import { PolicyInvalid } from './policy-book.ts';
import { defaultBudget } from './retry-budget.ts';

const parse = (change: unknown): Policy => policyBook({ default: change as object }).for('default');
const issues = (change: unknown): string[] => {
  try {
    parse(change);
    return [];
  } catch (error) {
    if (!(error instanceof PolicyInvalid)) throw error;
    return error.issues.map(({ path, message }) => `${path.replace(/^default\.?/, '')}: ${message}`);
  }
};

describe('a policy', () => {
  it('S70: the default policy is bounded', () => {
    const expected: Policy = {
      attempts: 3,
      backoff: { baseMs: 50, factor: 2, capMs: 20_000 },
      attemptTimeoutMs: 10_000,
      deadlineMs: 60_000,
      budget: defaultBudget,
      breaker: defaultBreaker,
    };
    expect(parse({})).toEqual(expected);
    expect(Object.isFrozen(defaultPolicy) && Object.isFrozen(defaultPolicy.backoff)).toBe(true);
  });

  it.each<[string, unknown, string]>([
    [
      'a cap below the base',
      { backoff: { baseMs: 100, capMs: 10 } },
      'backoff.capMs: capMs 10 is below baseMs 100: raise capMs to at least 100 or lower baseMs',
    ],
    [
      'a cap below the default base',
      { backoff: { capMs: 10 } },
      'backoff.capMs: capMs 10 is below baseMs 50: raise capMs to at least 50 or lower baseMs',
    ],
    [
      'attempts × cap above the deadline',
      { attempts: 9 },
      'deadlineMs: attempts × capMs (9 × 20000 = 180000 ms) is above deadlineMs 60000: the last attempts could never start; raise deadlineMs to 180000, or lower attempts or backoff.capMs',
    ],
    [
      'a negative delay',
      { backoff: { baseMs: -1 } },
      'backoff.baseMs: baseMs must not be negative: give milliseconds from 0',
    ],
    ['no attempt', { attempts: 0 }, 'attempts: attempts counts the first one: give at least 1'],
    [
      'half an attempt',
      { attempts: 1.5 },
      'attempts: Invalid input: expected int, received number (or the word unbounded)',
    ],
    [
      'a shrinking factor',
      { backoff: { factor: 0.5 } },
      'backoff.factor: factor must be at least 1: below it the delays would shrink',
    ],
    [
      'an attempt longer than the whole',
      { attempts: 1, attemptTimeoutMs: 20, deadlineMs: 10 },
      'attemptTimeoutMs: attemptTimeoutMs 20 is above deadlineMs 10: lower it to at most 10',
    ],
    ['no deadline', { deadlineMs: 0 }, 'deadlineMs: deadlineMs must be above 0'],
    [
      'text for a number',
      { deadlineMs: '5s' },
      'deadlineMs: deadlineMs must be a number of milliseconds (or the word unbounded)',
    ],
    [
      'a delay longer than timers',
      { backoff: { capMs: 3e9 } },
      'backoff.capMs: capMs is longer than timers can wait (2147483647 ms, 24 days)',
    ],
    [
      'no number',
      { backoff: { factor: Number.NaN } },
      'backoff.factor: Invalid input: expected number, received NaN',
    ],
    ['an unknown field', { retries: 3 }, ': Unrecognized key: "retries"'],
  ])('S37: a policy with %s is rejected with path and hint', (_, policy, expected) =>
    expect(issues(policy)).toContain(expected),
  );

  it.each<[unknown, string]>([
    [{ budget: { capacity: -1 } }, 'budget.capacity: capacity must not be negative'],
    [{ breaker: { failureRate: 0 } }, 'breaker.failureRate: failureRate must be above 0'],
    [{ breaker: { minimumCalls: 0 } }, 'breaker.minimumCalls: minimumCalls must be at least 1'],
    [{ breaker: { open: { capMs: 1 } } }, 'breaker.open.capMs: capMs 1 is below baseMs 1000'],
  ])('a guard without effect is rejected: %j', (policy, expected) =>
    expect(issues(policy).join()).toContain(expected),
  );

  it('a policy of one attempt needs no time for waits', () => {
    expect(issues({ attempts: 1, deadlineMs: 10_000 })).toEqual([]);
  });
});
