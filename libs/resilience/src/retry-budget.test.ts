import { describe, expect, it, test } from 'vitest';
import { defaultPolicy } from './index.ts';
import { simulate } from './simulate.ts';
import { defaultBudget, RetryBudget } from './retry-budget.ts';

/** The generator of Numerical Recipes: equal numbers on every machine. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

const policy = { ...defaultPolicy, attempts: 4, backoff: { baseMs: 50, factor: 2, capMs: 1_000 } };

const free = { capacity: 'unbounded' } as const;

describe('a retry budget', () => {
  it('a retry budget pays for a few dozen retries, and takes nothing when tokens are missing', () => {
    const budget = new RetryBudget();
    let paid = 0;
    while (budget.take('network')) paid += 1;
    expect(paid).toBe(35);
    expect(budget.level).toBe(10 / 500);
    expect(budget.take('throttle')).toBe(true);
    expect(budget.take('throttle')).toBe(true);
    expect(budget.take('throttle')).toBe(false);
    expect(budget.level).toBe(0);
  });

  it('a success refunds one token, a fourteenth of a retry, up to a full budget', () => {
    const budget = new RetryBudget({ capacity: 14 });
    expect(budget.take('service')).toBe(true);
    for (let success = 1; success < 14; success += 1) budget.succeed();
    expect(budget.take('service')).toBe(false);
    for (let success = 0; success < 100; success += 1) budget.succeed();
    expect(budget.level).toBe(1);
  });
});

// Requirement: at most 1.2 attempts per call at any failure rate, with 4 attempts allowed.
test.each([
  [0, 1, 1],
  [0.1, 1.1, 1.117],
  [0.5, 1.072, 1.916],
  [0.9, 1.042, 3.42],
  [1, 1.035, 4],
])(
  'S12: at a failure rate of %d the load grows to %d times, without a budget to %d',
  (failureRate, with_, without) => {
    const load = { calls: 1_000, failureRate };
    const budgeted = simulate(policy, { ...load, budget: defaultBudget, random: seeded(7) });
    const freely = simulate(policy, { ...load, budget: free, random: seeded(7) });
    expect([budgeted.amplification, freely.amplification]).toEqual([with_, without]);
    expect(budgeted.amplification).toBeLessThanOrEqual(1.2);
  },
);

// Requirement: at any failure rate, not only at chosen ones.
test.each(['network', 'service', 'bug'] as const)(
  'S12: from 0 to 100 %% failures, 4 attempts never make more than 1.2 attempts per call: %s',
  (category) => {
    for (let percent = 0; percent <= 100; percent += 1) {
      const load = { calls: 1_000, failureRate: percent / 100, category, random: seeded(percent + 1) };
      expect(simulate(policy, load).amplification, `${percent} %`).toBeLessThanOrEqual(1.2);
    }
  },
);

// Retries after throttling are cheap, 5 per success: they add a fifth in the long run, and a full budget lasts for 100 more.
test('S12: from 0 to 100 % throttling, 4 attempts never make more than 1.2 per call, and 100 in total', () => {
  for (let percent = 0; percent <= 100; percent += 1) {
    const load = { calls: 1_000, failureRate: percent / 100, random: seeded(percent + 1) };
    const { amplification } = simulate(policy, { ...load, category: 'throttle' });
    expect(amplification * load.calls, `${percent} %`).toBeLessThanOrEqual(1.2 * load.calls + 100);
  }
});
