import { inPlaceMsOf } from '@convergekit/inbox/operate';
import { explain, simulateRates } from '@convergekit/resilience/operate';
import { CATEGORIES } from '@convergekit/core/engine';
import type { Category } from '@convergekit/core';
import { postgresMigrations, readPolicyRules } from '@convergekit/postgres/operate';
import { type PolicyLayer, policyRulesSchema, type PolicyRules } from '@convergekit/resilience';
import { type Admission, admitRules } from '@convergekit/resilience/engine';
import { command } from '../../frame/command.ts';
import { formatMs } from '@convergekit/operate/text';
import { result, tableOf } from '../../frame/result.ts';
import type { CommandContext } from '../../frame/context.ts';
import { argument, count, type Flag, texts } from '../../frame/flags.ts';
import { exportsThat, hasDatabase } from '@convergekit/operate/host';
import { fieldLines } from '../../frame/fields.ts';

const ruleModules = {
  rules: texts(
    'module',
    'files, folders or packages that export the policy rules of the code, below all others',
  ),
};

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

export const explainCommand = command({
  name: 'explain',
  summary: 'what the policy of a name does, attempt by attempt',
  args: { name: argument('any name') },
  flags: ruleModules,
  run: async (context, { name, rules }) => {
    const { book } = await knownPolicies(context, rules);
    if (book.applied(name).length === 0)
      context.output.progress(`no rule applies to ${name}: these are the defaults of the kit`);
    const lines = explain(book.for(name), inPlaceMsOf(name));
    return result({ name, lines }, () => lines);
  },
});

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

/**
 * Reads the policies of the modules, of this command's file and environment, and of the central table if any. Without
 * modules the rules in the code of a service are not known, and the command says so.
 */
async function knownPolicies(context: CommandContext, modules: readonly string[]): Promise<Admission> {
  const { settings, output } = context;
  const code = await rulesOf(modules);
  const central = hasDatabase(settings)
    ? await readPolicyRules((await context.database(postgresMigrations)).executor)
    : undefined;
  const admission = admitRules([...code, ...settings.policyLayers], central ?? []);
  if (central === undefined) output.progress('DATABASE_URL is not set: without the central table');
  if (code.length === 0) output.progress('no --rules <module>: without the rules in the code of the service');
  for (const { name, version, reason } of admission.refused)
    output.progress(`refused: rule ${name} of version ${version} in the central table: ${reason}`);
  return admission;
}

async function rulesOf(modules: readonly string[]): Promise<readonly PolicyLayer[]> {
  const hint = 'no policy rules: export an object such as { payment: { attempts: 2 } }';
  const found = await exportsThat(modules, isRules, hint);
  return found.map((rules) => ({ source: 'code', rules }));
}

function isRules(value: unknown): value is PolicyRules {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.keys(value).length > 0 && policyRulesSchema.safeParse(value).success;
}
