import { type Check, checkOf } from '../checker/check.ts';
import { converge, type Environment } from './operator.ts';

/** The counts of one run of a reconciler. */
interface RunCounts {
  readonly keys: number;
  readonly compared: number;
  readonly unknown: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** Runs reconcilers once by the command, and checks that no key differed. */
export async function reconciledOnce(
  modules: readonly string[],
  env: Environment,
): Promise<readonly Check[]> {
  const args = ['reconcile', 'run', '--once', ...modules];
  const counts = await converge<Readonly<Record<string, RunCounts>> | null>(args, env, {
    mayFail: true,
    apart: true,
  });
  return Object.entries(
    counts ?? { 'of the samples': { keys: 0, compared: 0, unknown: 0, outcomes: {} } },
  ).map(([name, one]) => inSync(name, one));
}

export function inSync(name: string, { keys, compared, unknown, outcomes }: RunCounts): Check {
  const found = Object.entries(outcomes).filter(([outcome, count]) => outcome !== 'in_sync' && count > 0);
  const findings = found.map(([outcome, count]) => `${outcome}: ${count} keys`);
  if (unknown > 0) findings.push(`unknown: ${unknown} parts could not be read`);
  return checkOf(`the reconciler ${name} finds no key that differs`, Math.max(keys, compared), findings);
}
