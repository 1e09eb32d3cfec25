import { CATEGORIES } from '@convergekit/core/engine';
import type { Category } from '@convergekit/core';
import { simulateRates } from '@convergekit/resilience/operate';
import { command } from '../../frame/command.ts';
import { argument, count, type Flag } from '../../frame/flags.ts';
import { formatMs } from '../../frame/output.ts';
import { result, tableOf } from '../../frame/result.ts';
import { knownPolicies, ruleModules } from './central-policies.ts';

const category: Flag<Category> = {
  help: 'what fails',
  value: 'name',
  choices: CATEGORIES,
  initial: 'service',
};

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
    const rows = simulateRates(policy, { calls, category: fails, seed });
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
