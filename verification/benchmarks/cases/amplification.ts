import { defaultPolicy } from '@convergekit/resilience';
import { simulateRates } from '@convergekit/resilience/operate';
import type { Case } from '../case.ts';
import type { Figure } from '../report/figure.ts';
import { table } from '../report/markdown.ts';

const CALLS = 200_000;
const RATES = [0, 0.5, 0.9, 1];
const policy = { ...defaultPolicy, attempts: 4 };

/** The additional load that a failing dependency gets. */
export const amplificationCase: Case = {
  name: 'amplification',
  title: 'Retry amplification, simulated',
  run: () => {
    const rows = simulateRates(policy, { calls: CALLS, seed: 7 }).filter(({ failureRate }) =>
      RATES.includes(failureRate),
    );
    const figures = rows
      .slice(1)
      .map(({ failureRate, amplification, amplificationWithoutBudget }): Figure => ({
        name: `attempts per call, ${failureRate * 100} % of attempts fail, 4 attempts`,
        bar: { kind: 'below', limit: 1.2, unit: 'attempts/call' },
        ours: { value: amplification, unit: 'attempts/call', digits: 2 },
        rival: {
          value: amplificationWithoutBudget,
          unit: 'attempts/call',
          digits: 2,
          who: 'the same without a budget',
        },
      }));
    return Promise.resolve({
      figures,
      rounds: table(
        ['attempts that fail', 'attempts/call', 'calls that succeed', 'attempts/call without a budget'],
        rows.map(({ failureRate, amplification, success, amplificationWithoutBudget }) => [
          `${failureRate * 100} %`,
          amplification.toFixed(3),
          `${(success * 100).toFixed(1)} %`,
          amplificationWithoutBudget.toFixed(3),
        ]),
      ),
    });
  },
};
