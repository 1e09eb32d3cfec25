import { defaultBudget } from '@convergekit/resilience/engine';
import { defaultPolicy } from '@convergekit/resilience';
import { simulate } from '@convergekit/resilience/operate';
import { seededRandom } from '@convergekit/core';
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
    const rows = RATES.map((failureRate) => ({
      failureRate,
      budgeted: simulate(policy, {
        calls: CALLS,
        failureRate,
        budget: defaultBudget,
        random: seededRandom(7),
      }),
      free: simulate(policy, { calls: CALLS, failureRate, random: seededRandom(7) }),
    }));
    const figures = rows.slice(1).map(({ failureRate, budgeted, free }): Figure => ({
      name: `attempts per call, ${failureRate * 100} % of attempts fail, 4 attempts`,
      bar: { kind: 'below', limit: 1.2, unit: 'attempts/call' },
      ours: { value: budgeted.amplification, unit: 'attempts/call', digits: 2 },
      rival: {
        value: free.amplification,
        unit: 'attempts/call',
        digits: 2,
        who: 'the same without a budget',
      },
    }));
    return Promise.resolve({
      figures,
      rounds: table(
        ['attempts that fail', 'attempts/call', 'calls that succeed', 'attempts/call without a budget'],
        rows.map(({ failureRate, budgeted, free }) => [
          `${failureRate * 100} %`,
          budgeted.amplification.toFixed(3),
          `${(budgeted.success * 100).toFixed(1)} %`,
          free.amplification.toFixed(3),
        ]),
      ),
    });
  },
};
