import { postgresMigrations, readPolicyRules } from '@convergekit/postgres';
import { type Admission, admitRules, type OfferedRule } from '@convergekit/resilience';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { hasDatabase } from '../../frame/settings.ts';

export interface KnownPolicies extends Admission {
  /** Undefined where no database is set, so that there is no central table to ask. */
  readonly central: readonly OfferedRule[] | undefined;
}

/** The policies of this command's file and environment, and of the central table where a database is set. */
export async function knownPolicies({ settings, output }: CommandContext): Promise<KnownPolicies> {
  const central = hasDatabase(settings, process.env)
    ? await withDatabase(settings, 'converge-policy', async ({ executor }) => {
        await requireMigrations(executor, [postgresMigrations]);
        return readPolicyRules(executor);
      })
    : undefined;
  const admission = admitRules(settings.policyLayers, central ?? []);
  if (central === undefined) output.progress('DATABASE_URL is not set: without the central table');
  for (const { name, version, reason } of admission.refused)
    output.progress(`refused: rule ${name} of version ${version} in the central table: ${reason}`);
  return { ...admission, central };
}
