import { describe, expect, it } from 'vitest';
import { CATEGORIES, type Category, type Certainty } from '@convergekit/core';
import { decideRetry, defaultPolicy, type RetryDecision, countsAgainstBreaker, strategies } from './index.ts';

const decide = (category: Category, certainty: Certainty, structural: boolean): RetryDecision =>
  decideRetry({
    failure: { category, certainty, structural, code: 'X', message: 'x' },
    policy: defaultPolicy,
    attempt: 1,
    reruns: 0,
    spentMs: 0,
    random: () => 0.5,
  });

/** Every category has its strategy: transient, and structural. */
const expected: Readonly<Record<Category, readonly [RetryDecision['kind'], RetryDecision['kind']]>> = {
  network: ['again', 'give_up'],
  throttle: ['again', 'again'],
  service: ['again', 'give_up'],
  contention: ['rerun', 'rerun'],
  data: ['give_up', 'give_up'],
  configuration: ['give_up', 'give_up'],
  business: ['give_up', 'give_up'],
  bug: ['again', 'give_up'],
};

describe('the strategy of a failure', () => {
  it.each(CATEGORIES)('%s', (category) => {
    const [transient, structural] = expected[category];
    for (const certainty of ['not_applied', 'unknown'] as const) {
      expect(decide(category, certainty, false).kind).toBe(transient);
      expect(decide(category, certainty, true).kind).toBe(structural);
    }
    expect(decide(category, 'applied', false).kind).toBe('give_up');
  });

  // Planted fault: without the look at the code it is tried again as any failure of a service.
  it('whose caller has no time left is not to try again', () => {
    const late = { category: 'service', certainty: 'not_applied', structural: false } as const;
    const failure = { ...late, code: 'DEADLINE_PASSED', message: 'x' };
    const asked = { policy: defaultPolicy, attempt: 1, reruns: 0, spentMs: 0, random: () => 0.5 };
    expect(decideRetry({ ...asked, failure })).toEqual({ kind: 'give_up', reason: 'not_retryable' });
  });
});

describe('the table of strategies', () => {
  it('has a row for each category, in its order', () => {
    expect(Object.keys(strategies)).toEqual(CATEGORIES);
  });

  it('says how each category is tried again, paid for and answered', () => {
    const rows = Object.entries(strategies).map(([category, { retrying, price, blames, afterwards }]) =>
      [category, retrying, price, blames, afterwards].join(' '),
    );
    expect(rows).toEqual([
      'network backoff transient always park',
      'throttle throttle throttle always park',
      'service backoff transient always park',
      'contention rerun nothing never park',
      'data never nothing never dead',
      'configuration never nothing never stop',
      'business never nothing never reject',
      'bug backoff transient unknown dead',
    ]);
  });

  it('blames a dependency for a bug only where nobody knows the outcome', () => {
    const bug = { category: 'bug', code: 'X', message: 'x', structural: false } as const;
    expect(countsAgainstBreaker({ ...bug, certainty: 'unknown' })).toBe(true);
    expect(countsAgainstBreaker({ ...bug, certainty: 'not_applied' })).toBe(false);
  });
});
