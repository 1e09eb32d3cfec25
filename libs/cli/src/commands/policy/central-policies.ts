import { postgresMigrations, readPolicyRules } from '@convergekit/postgres/operate';
import { type Admission, admitRules } from '@convergekit/resilience/engine';
import type { CommandContext } from '../../frame/context.ts';
import { hasDatabase } from '../../frame/settings.ts';

/** Reads the policies of this command's file and environment, and of the central table if any. */
export async function knownPolicies(context: CommandContext): Promise<Admission> {
  const { settings, output } = context;
  const central = hasDatabase(settings, process.env)
    ? await readPolicyRules((await context.database(postgresMigrations)).executor)
    : undefined;
  const admission = admitRules(settings.policyLayers, central ?? []);
  if (central === undefined) output.progress('DATABASE_URL is not set: without the central table');
  for (const { name, version, reason } of admission.refused)
    output.progress(`refused: rule ${name} of version ${version} in the central table: ${reason}`);
  return admission;
}
