import { CATEGORIES } from '@convergekit/core/engine';
import { type Category, seededRandom } from '@convergekit/core';
import { simulate } from '@convergekit/resilience/operate';
import { command } from '../../frame/command.ts';
import { argument, count, type Flag } from '../../frame/flags.ts';
import { formatMs } from '../../frame/output.ts';
import { result, tableOf } from '../../frame/result.ts';
import { knownPolicies, ruleModules } from './central-policies.ts';

const RATES = [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1];

const category: Flag<Category> = {
  help: 'what fails',
  value: 'name',
  choices: CATEGORIES,
  initial: 'service',
};

/** Simulates a load, with the policy's budget and with none. Equal seeds give equal figures. */
export const simulateCommand = command({
  name: 'simulate',
  summary: 'how much load the policy of a name adds at 0 to 100 % failures',
  args: { name: argument('any name') },
  flags: {
    ...ruleModules,
    category,
    calls: count('calls', 'calls at each rate of failures', 10_000),
    seed: count('number', 'seed of the random numbers', 42),
  },
  run: async (context, { name, rules, category: fails, calls, seed }) => {
    const policy = (await knownPolicies(context, rules)).book.for(name);
    const free = { ...policy.budget, capacity: 'unbounded' } as const;
    const rows = RATES.map((failureRate) => {
      const load = { calls, failureRate, category: fails };
      const budgeted = simulate(policy, { ...load, random: seededRandom(seed) });
      const without = simulate(policy, { ...load, budget: free, random: seededRandom(seed) });
      return { failureRate, ...budgeted, amplificationWithoutBudget: without.amplification };
    });
    return result({ name, category: fails, rows }, () =>
      tableOf(rows, '', {
        failures: (row) => percent(row.failureRate),
        'attempts a call': (row) => row.amplification.toFixed(3),
        'without budget': (row) => row.amplificationWithoutBudget.toFixed(3),
        succeeded: (row) => percent(row.success),
        'mean wait': (row) => formatMs(row.meanWaitMs),
      }),
    );
  },
});

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
