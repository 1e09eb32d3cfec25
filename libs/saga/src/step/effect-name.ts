import type { StepDeclaration } from '../declare/declaration.ts';
import type { WorkOp } from '../work/insert-sql.ts';

/**
 * What the work of a step is called: `<saga>.<step>.<op>`, by which policies, bulkheads and metrics know it. Versions have
 * work of their own, since only the code that knows a version can do its work.
 */
export function effectName(
  { saga, name, version }: Pick<StepDeclaration, 'saga' | 'name' | 'version'>,
  op: WorkOp,
): string {
  return `${saga}.${name}.${op}${version === 1 ? '' : `.v${version}`}`;
}
