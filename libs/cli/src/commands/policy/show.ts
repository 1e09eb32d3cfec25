import { command } from '../../frame/command.ts';
import { argument } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { knownPolicies } from './central-policies.ts';

export const showCommand = command({
  name: 'show',
  summary: 'the policy of a name as data, and the rules that made it',
  args: { name: argument('any name, also one without a rule of its own') },
  run: async (context, { name }) => {
    const { book } = await knownPolicies(context);
    const policy = book.for(name);
    const rules = book.applied(name);
    return result({ name, policy, rules }, () => [
      JSON.stringify(policy, undefined, 2),
      ...rules.map(({ source, rule, change }) => `${rule} (${source}): ${JSON.stringify(change)}`),
    ]);
  },
});
