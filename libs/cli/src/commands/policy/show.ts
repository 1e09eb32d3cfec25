import { command } from '../../frame/command.ts';
import { argument } from '../../frame/flags.ts';
import { fieldLines } from '../../frame/fields.ts';
import { result, tableOf } from '../../frame/result.ts';
import { knownPolicies, ruleModules } from './central-policies.ts';

export const showCommand = command({
  name: 'show',
  summary: 'the policy of a name as data, and the rules that made it',
  args: { name: argument('any name, also one without a rule of its own') },
  flags: ruleModules,
  run: async (context, { name, rules: modules }) => {
    const { book } = await knownPolicies(context, modules);
    const policy = book.for(name);
    const rules = book.applied(name);
    return result({ name, policy, rules }, () => [
      ...fieldLines(policy),
      '',
      ...tableOf(rules, 'no rule applies: these are the defaults of the kit', {
        rule: ({ rule }) => rule,
        source: ({ source }) => source,
        change: ({ change }) => JSON.stringify(change),
      }),
    ]);
  },
});
