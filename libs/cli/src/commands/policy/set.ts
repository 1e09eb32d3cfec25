import { postgresMigrations, readPolicyRules, setPolicyRule } from '@convergekit/postgres';
import { admitRules, type OfferedRule } from '@convergekit/resilience';
import { audit, operator } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { withFields } from './policy-fields.ts';

export interface SetFlags {
  readonly clear?: boolean;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/**
 * Changes one rule of the central table, after checking it with the other rules and this command's configuration. Every
 * process checks it once more, with its own rules below: one that cannot use it says so and keeps its last good one.
 */
export async function setPolicy(
  { settings, output }: CommandContext,
  name: string,
  fields: readonly string[],
  flags: SetFlags,
): Promise<boolean> {
  const reason = (flags.reason ?? '').trim();
  if (reason === '' && flags.dryRun !== true)
    throw wrong('REASON_MISSING', 'why is it changed? Give --reason "…": it goes into the audit');
  if (fields.length === 0 && flags.clear !== true)
    throw wrong(
      'FIELDS_MISSING',
      'nothing to change: give fields as attempts=2 backoff.capMs=500, or --clear',
    );
  return withDatabase(settings, 'converge-policy', async ({ executor }) => {
    await requireMigrations(executor, [postgresMigrations]);
    const rules = await readPolicyRules(executor);
    const before = rules.find((rule) => rule.name === name);
    const change = withFields(flags.clear === true ? {} : before?.change, fields);
    const newest = Math.max(0, ...rules.map(({ version }) => version)) + 1;
    const offered: OfferedRule[] = [
      ...rules.filter((rule) => rule !== before),
      { name, version: newest, change },
    ];
    const { book, refused } = admitRules(settings.policyLayers, offered);
    const refusal = refused.find((rule) => rule.name === name);
    if (refusal !== undefined) throw wrong('POLICY_INVALID', `nothing was changed: ${refusal.reason}`);
    const told = `${name}: ${JSON.stringify(before?.change ?? {})} → ${JSON.stringify(change)}`;
    const policy = book.for(name);
    if (flags.dryRun === true) {
      output.result({ name, before: before?.change ?? null, change, policy, dryRun: true }, () => [
        `would change ${told}`,
      ]);
      return true;
    }
    output.progress(told);
    await confirm('Change it for every process of this database?', flags);
    const setting = { name, change, by: operator(), reason, expected: before?.version ?? 0 };
    const version = await setPolicyRule(executor, setting);
    if (version === undefined)
      throw wrong(
        'POLICY_CHANGED_MEANWHILE',
        `nothing was changed: somebody else changed ${name} meanwhile; look at \`converge policy history ${name}\` and repeat`,
      );
    audit('policy set', { name, version, reason });
    output.result({ name, before: before?.change ?? null, change, policy, version }, () => [
      `changed ${told}, version ${version}`,
    ]);
    return true;
  });
}

function wrong(code: string, message: string): CliError {
  return new CliError(message, { code, category: 'configuration' });
}
