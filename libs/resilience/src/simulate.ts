import { type Failure, seededRandom } from '@convergekit/core';
import type { Policy } from './policy.ts';
import { decideRetry } from './retry-decision.ts';
import { type BudgetSettings, RetryBudget } from './retry-budget.ts';

export interface SimulatedLoad {
  /** Number of calls, each with attempts by the policy. */
  readonly calls: number;
  /** Share of attempts that fail, 0 to 1, independently of each other. */
  readonly failureRate: number;
  readonly category?: Failure['category'];
  /** @default the policy's */
  readonly budget?: BudgetSettings;
  readonly random: () => number;
}

export interface Simulation {
  /** Attempts per call: the load of the dependency relative to no retries. */
  readonly amplification: number;
  /** Share of calls that succeeded finally. */
  readonly success: number;
  /** Mean wait of a call between its attempts, in milliseconds. */
  readonly meanWaitMs: number;
}

/** Simulates a policy against a dependency with a failure rate. Equal random numbers give equal results. */
export function simulate(policy: Policy, load: SimulatedLoad): Simulation {
  const { calls, failureRate, category = 'service', random } = load;
  const budget = new RetryBudget(load.budget ?? policy.budget);
  const failure = { category, certainty: 'not_applied', code: 'X', message: '', structural: false } as const;
  let attempts = 0;
  let succeeded = 0;
  let waitedMs = 0;
  for (let call = 0; call < calls; call += 1) {
    let spentMs = 0;
    for (let attempt = 1; ; attempt += 1) {
      attempts += 1;
      if (random() >= failureRate) {
        succeeded += 1;
        budget.succeed();
        break;
      }
      const decision = decideRetry({ failure, policy, attempt, reruns: 0, spentMs, random });
      if (decision.kind !== 'again' || !budget.take(category)) break;
      spentMs += decision.wait.computedMs;
    }
    waitedMs += spentMs;
  }
  return { amplification: attempts / calls, success: succeeded / calls, meanWaitMs: waitedMs / calls };
}

const RATES = [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1];

/** A simulation at one failure rate. */
export interface SimulatedRate extends Simulation {
  /** Share of attempts that fail, 0 to 1. */
  readonly failureRate: number;
  /** Attempts per call if retries cost nothing. */
  readonly amplificationWithoutBudget: number;
}

/** Simulates a policy at failure rates from 0 to 1, with its budget and with none. Equal seeds give equal figures. */
export function simulateRates(
  policy: Policy,
  { seed, ...load }: Pick<SimulatedLoad, 'calls' | 'category'> & { readonly seed: number },
): readonly SimulatedRate[] {
  const free = { capacity: 'unbounded' } as const;
  return RATES.map((failureRate) => {
    const budgeted = simulate(policy, { ...load, failureRate, random: seededRandom(seed) });
    const without = simulate(policy, { ...load, failureRate, budget: free, random: seededRandom(seed) });
    return { failureRate, ...budgeted, amplificationWithoutBudget: without.amplification };
  });
}
