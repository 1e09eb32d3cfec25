import { describe, expect, it } from 'vitest';
import { CATEGORIES } from '@convergekit/core/engine';
import type { Category, Certainty } from '@convergekit/core';
import { decideRetry, type RetryDecision } from './retry-decision.ts';
import { defaultPolicy, strategies } from './index.ts';
import { outcomeForBreaker } from './strategy.ts';

const decide = (category: Category, certainty: Certainty, structural: boolean): RetryDecision =>
  decideRetry({
    failure: { category, certainty, structural, code: 'X', message: 'x' },
    policy: defaultPolicy,
    attempt: 1,
    reruns: 0,
    spentMs: 0,
    random: () => 0.5,
  });

/** The expected decision per category: transient, and structural. */
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
  it.each(CATEGORIES)('S48: a failure of category %s is retried as its strategy says', (category) => {
    const [transient, structural] = expected[category];
    for (const certainty of ['not_applied', 'unknown'] as const) {
      expect(decide(category, certainty, false).kind).toBe(transient);
      expect(decide(category, certainty, true).kind).toBe(structural);
    }
    expect(decide(category, 'applied', false).kind).toBe('give_up');
  });

  // Planted fault: without the check of the code it is retried like any failure of a service.
  it('a failure after the caller’s deadline is not retried', () => {
    const late = { category: 'service', certainty: 'not_applied', structural: false } as const;
    const failure = { ...late, code: 'DEADLINE_PASSED', message: 'x' };
    const asked = { policy: defaultPolicy, attempt: 1, reruns: 0, spentMs: 0, random: () => 0.5 };
    expect(decideRetry({ ...asked, failure })).toEqual({ kind: 'give_up', reason: 'not_retryable' });
  });
});

describe('the table of strategies', () => {
  it('the strategy table has a row for each category, in order', () => {
    expect(Object.keys(strategies)).toEqual(CATEGORIES);
  });

  it('the strategy table gives retry, price, blame and disposition of each category', () => {
    const rows = Object.entries(strategies).map(([category, { retrying, price, blames, disposition }]) =>
      [category, retrying, price, blames, disposition].join(' '),
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

  it('a bug counts against the dependency only with an unknown outcome', () => {
    const bug = { category: 'bug', code: 'X', message: 'x', structural: false } as const;
    expect(outcomeForBreaker({ ...bug, certainty: 'unknown' })).toBe('failed');
    expect(outcomeForBreaker({ ...bug, certainty: 'not_applied' })).toBe('succeeded');
  });
});
