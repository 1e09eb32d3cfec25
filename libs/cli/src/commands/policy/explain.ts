import { explain } from '@convergekit/resilience/operate';
import { command } from '../../frame/command.ts';
import { argument } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { knownPolicies } from './central-policies.ts';

export const explainCommand = command({
  name: 'explain',
  summary: 'what the policy of a name does, attempt by attempt',
  args: { name: argument('any name') },
  run: async (context, { name }) => {
    const lines = explain((await knownPolicies(context)).book.for(name));
    return result({ name, lines }, () => lines);
  },
});
