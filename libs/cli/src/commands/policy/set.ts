import { postgresMigrations, readPolicyRules, setPolicyRule } from '@convergekit/postgres/operate';
import { admitRules, type OfferedRule } from '@convergekit/resilience/engine';
import { nearest } from '@convergekit/config/engine';
import { policyName } from '@convergekit/inbox/engine';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { command } from '../../frame/command.ts';
import { refused, UsageError } from '@convergekit/operate/errors';
import { anyArguments, argument, asks, dryRun, text, toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { withFields } from './policy-fields.ts';

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
    const { book, refused: left } = admitRules(context.settings.policyLayers, offered);
    const refusal = left.find((rule) => rule.name === name);
    if (refusal !== undefined)
      throw new UsageError('POLICY_INVALID', `nothing was changed: ${refusal.reason}`);
    const layered = context.settings.policyLayers.flatMap((layer) => Object.keys(layer.rules));
    if (!unlisted) await requireKnownName(executor, name, [...rules.map((rule) => rule.name), ...layered]);
    const text = `${name}: ${JSON.stringify(before?.change ?? {})} → ${JSON.stringify(change)}`;
    const value = { name, before: before?.change ?? null, change, policy: book.for(name) };
    if (dry) return result({ ...value, dryRun: true }, () => [`would change ${text}`]);
    context.output.progress(text);
    await context.confirm('Change it for every process of this database?');
    const setting = { name, change, by: context.operator, reason, expected: before?.version ?? 0 };
    const version = await setPolicyRule(executor, setting);
    if (version === undefined)
      throw refused(
        'POLICY_CHANGED_MEANWHILE',
        `nothing was changed: another operator changed ${name} meanwhile; look at \`converge policy history ${name}\` and repeat`,
      );
    context.audit({ name, version, reason });
    return result({ ...value, version }, () => [`changed ${text}, version ${version}`]);
  },
});

/** A handler of a consumer, or a name as it is: of a consumer or of a call. */
interface Used {
  readonly name: string;
  readonly handler: string | null;
}

// What has policies in this database: handlers, consumers and calls. The tables of a package that the database lacks are left out.
const PARTS = {
  'converge.inbox_consumer': `
    select 'consumer.' || name as name, null as handler from converge.inbox_consumer
    union select c.name, h.handler
      from converge.inbox_consumer c, jsonb_each(c.types) as t (topic, own), jsonb_each_text(t.own) as h (type, handler)`,
  'converge.saga_worker': 'select call as name, null as handler from converge.saga_worker',
} as const;

async function usedNames(executor: Executor): Promise<readonly string[]> {
  const names: string[] = [];
  for (const [table, sql] of Object.entries(PARTS)) {
    if (!(await hasTables(executor, table))) continue;
    const used = (await executor.query<Used>(sql)).rows;
    names.push(...used.map(({ name, handler }) => (handler === null ? name : policyName(name, handler))));
  }
  return names;
}

/** Adds the names above each: a rule of `bank` holds for `bank.charge`. Pure. */
function withParents(names: readonly string[]): ReadonlySet<string> {
  const all = names.flatMap((name) => {
    const parts = name.split('.');
    return parts.map((_, at) => parts.slice(0, at + 1).join('.'));
  });
  return new Set(['default', ...all]);
}

/** Refuses the name of a policy that no rule, consumer or call of this database has: it would change nothing. */
async function requireKnownName(executor: Executor, name: string, ruled: readonly string[]): Promise<void> {
  const known = withParents([...(await usedNames(executor)), ...ruled]);
  if (known.has(name)) return;
  const near = nearest(name, [...known]);
  const meant = near === undefined ? '.' : `; did you mean ${near}?`;
  throw refused(
    'POLICY_NAME_UNKNOWN',
    `nothing was changed: no consumer, call or rule that is known here has the name ${name}${meant} For an operation that code calls itself, repeat it with --unlisted`,
  );
}
