import { postgresMigrations, readPolicyRules } from '@convergekit/postgres/operate';
import { type PolicyLayer, policyRulesSchema, type PolicyRules } from '@convergekit/resilience';
import { type Admission, admitRules } from '@convergekit/resilience/engine';
import type { CommandContext } from '../../frame/context.ts';
import { texts } from '../../frame/flags.ts';
import { exportsThat } from '../../frame/modules.ts';
import { hasDatabase } from '../../frame/settings.ts';

export const ruleModules = {
  rules: texts(
    'module',
    'files, folders or packages that export the policy rules of the code, below all others',
  ),
};

/**
 * Reads the policies of the modules, of this command's file and environment, and of the central table if any. Without
 * modules the rules in the code of a service are not known, and the command says so.
 */
export async function knownPolicies(context: CommandContext, modules: readonly string[]): Promise<Admission> {
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
