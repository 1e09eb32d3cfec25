import { command } from '../../frame/command.ts';
import { formatMs } from '../../frame/output.ts';
import { result, tableOf } from '../../frame/result.ts';
import { knownPolicies, ruleModules } from './central-policies.ts';

/** A refused row makes the command fail: an operator believes that it holds. */
export const listCommand = command({
  name: 'list',
  summary: 'every name with a rule, its policy, and its rules',
  flags: ruleModules,
  run: async (context, { rules: modules }) => {
    const { book, refused } = await knownPolicies(context, modules);
    const policies = book.names.map((name) => {
      const rules = book.applied(name).map(({ source, rule }) => ({ source, rule }));
      return { name, policy: book.for(name), rules };
    });
    return result(
      { policies, refused },
      () =>
        tableOf(policies, 'no policies: no rule is set', {
          name: ({ name }) => name,
          attempts: ({ policy }) => policy.attempts,
          backoff: ({ policy: { backoff } }) =>
            `${formatMs(backoff.baseMs)} × ${backoff.factor} to ${formatMs(backoff.capMs)}`,
          attempt: ({ policy }) => formatMs(policy.attemptTimeoutMs),
          'in all': ({ policy: { deadlineMs } }) =>
            deadlineMs === 'unbounded' ? deadlineMs : formatMs(deadlineMs),
          rules: ({ rules }) =>
            rules.map(({ source, rule }) => `${rule} (${source})`).join(', ') || 'the kit’s defaults',
        }),
      refused.length === 0,
    );
  },
});
