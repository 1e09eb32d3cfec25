import { IN_PLACE_MS } from '@convergekit/inbox/operate';
import { explain, explainInPlace } from '@convergekit/resilience/operate';
import { command } from '../../frame/command.ts';
import { argument } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { knownPolicies, ruleModules } from './central-policies.ts';

export const explainCommand = command({
  name: 'explain',
  summary: 'what the policy of a name does, attempt by attempt',
  args: { name: argument('any name') },
  flags: ruleModules,
  run: async (context, { name, rules }) => {
    const { book } = await knownPolicies(context, rules);
    if (book.applied(name).length === 0)
      context.output.progress(`no rule applies to ${name}: these are the defaults of the kit`);
    const policy = book.for(name);
    // A consumer tries in place only for a while, and neither budget nor breaker counts its attempts.
    const lines = /^consumer(\.|$)/.test(name) ? explainInPlace(policy, IN_PLACE_MS) : explain(policy);
    return result({ name, lines }, () => lines);
  },
});
