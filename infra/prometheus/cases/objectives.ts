import type { AlertCase, Series } from './alert-case.ts';

const checkout = { converge_objective: 'checkout' };
const attempts = (outcome: string, category: string): string =>
  `converge_attempts_total{converge_objective="checkout",converge_outcome="${outcome}",converge_failure_category="${category}"}`;

/** An objective of 99 %, and this many attempts a minute of 100 that were given up. */
const givenUp = (bad: number): Series => ({
  'converge_objective_target{converge_objective="checkout"}': '0.99x400',
  [attempts('applied', 'none')]: `0+${100 - bad}x400`,
  [attempts('give_up', 'network')]: `0+${bad}x400`,
});

export const objectiveCases: readonly AlertCase[] = [
  {
    alert: 'ConvergeObjectiveBurnsFast',
    at: '90m',
    firing: givenUp(15),
    labels: checkout,
    // Refusals of the business are good, however many.
    quiet: { ...givenUp(14), [attempts('give_up', 'business')]: '0+30x400' },
  },
  {
    alert: 'ConvergeObjectiveBurns',
    at: '380m',
    firing: givenUp(7),
    labels: checkout,
    quiet: givenUp(5),
  },
];
