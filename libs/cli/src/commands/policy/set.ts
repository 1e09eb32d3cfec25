import { postgresMigrations, readPolicyRules, setPolicyRule } from '@convergekit/postgres/operate';
import { admitRules, type OfferedRule } from '@convergekit/resilience/engine';
import { command } from '../../frame/command.ts';
import { refused as notNow, UsageError } from '../../frame/errors.ts';
import { anyArguments, argument, asks, dryRun, text, toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import type { Settings } from '../../frame/settings.ts';
import { withFields } from './policy-fields.ts';
import { requireKnownName } from './known-names.ts';

/**
 * Changes a rule of the central table, after a check with all other rules and settings. Every process checks it again,
 * with its own rules below: a process that cannot use the rule logs that and keeps its last good one.
 */
export const setCommand = command({
  name: 'set',
  summary: 'change a rule of the central table; running processes follow within seconds',
  args: {
    name: argument('default, a dependency (payment) or an operation (payment.charge)'),
    fields: anyArguments(
      'attempts=2 backoff.capMs=500 deadlineMs=unbounded (Ms: milliseconds); attempts= removes the field',
    ),
  },
  flags: {
    clear: toggle('remove all that the rule changes'),
    unlisted: toggle('accept a name that no consumer, call or rule known here has'),
    reason: text('text', 'why: it goes into the audit; needed without --dry-run'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { name, fields, clear, unlisted, reason: given = '', dryRun: dry }) => {
    const reason = given.trim();
    if (reason === '' && !dry)
      throw new UsageError('REASON_MISSING', 'a change needs --reason "…": it goes into the audit');
    if (fields.length === 0 && !clear)
      throw new UsageError(
        'FIELDS_MISSING',
        'nothing to change: give fields as attempts=2 backoff.capMs=500, or --clear',
      );
    const { executor } = await context.database(postgresMigrations);
    const rules = await readPolicyRules(executor);
    const before = rules.find((rule) => rule.name === name);
    const change = withFields(clear ? {} : before?.change, fields);
    const newest = Math.max(0, ...rules.map((rule) => rule.version)) + 1;
    const others = rules.filter((rule) => rule !== before);
    const offered: OfferedRule[] = [...others, { name, version: newest, change }];
    const { book, refused } = admitRules(context.settings.policyLayers, offered);
    const refusal = refused.find((rule) => rule.name === name);
    if (refusal !== undefined)
      throw new UsageError('POLICY_INVALID', `nothing was changed: ${refusal.reason}`);
    if (!unlisted)
      await requireKnownName(executor, name, [
        ...rules.map((rule) => rule.name),
        ...layered(context.settings),
      ]);
    const text = `${name}: ${JSON.stringify(before?.change ?? {})} → ${JSON.stringify(change)}`;
    const value = { name, before: before?.change ?? null, change, policy: book.for(name) };
    if (dry) return result({ ...value, dryRun: true }, () => [`would change ${text}`]);
    context.output.progress(text);
    await context.confirm('Change it for every process of this database?');
    const setting = { name, change, by: context.operator, reason, expected: before?.version ?? 0 };
    const version = await setPolicyRule(executor, setting);
    if (version === undefined)
      throw notNow(
        'POLICY_CHANGED_MEANWHILE',
        `nothing was changed: another operator changed ${name} meanwhile; look at \`converge policy history ${name}\` and repeat`,
      );
    context.audit({ name, version, reason });
    return result({ ...value, version }, () => [`changed ${text}, version ${version}`]);
  },
});

/** The names with a rule in the file or the environment of this command. */
const layered = ({ policyLayers }: Pick<Settings, 'policyLayers'>): readonly string[] =>
  policyLayers.flatMap(({ rules }) => Object.keys(rules));
