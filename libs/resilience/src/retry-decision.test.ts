import { describe, expect, it } from 'vitest';
import {
  CATEGORIES,
  type Category,
  type Certainty,
  decideRetry,
  defaultPolicy,
  type RetryDecision,
} from './index.ts';

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
const strategies: Readonly<Record<Category, readonly [RetryDecision['kind'], RetryDecision['kind']]>> = {
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
    const [transient, structural] = strategies[category];
    for (const certainty of ['not_applied', 'unknown'] as const) {
      expect(decide(category, certainty, false).kind).toBe(transient);
      expect(decide(category, certainty, true).kind).toBe(structural);
    }
    expect(decide(category, 'applied', false).kind).toBe('give_up');
  });
});
