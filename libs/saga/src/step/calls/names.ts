import { canBeUndone, lastStop, type StepDeclaration } from '../../declare/declaration.ts';
import type { WorkOp } from '../../calls/work/step-key.ts';
import type { Member } from '../member.ts';

type Named = Pick<StepDeclaration, 'saga' | 'name' | 'version'>;

/**
 * Returns the name of a step's handler for policies and attempts: `<saga>.<step>`, with its version from the second on.
 */
export function stepName({ saga, name, version }: Named): string {
  return `${saga}.${name}${version === 1 ? '' : `.v${version}`}`;
}

/** Returns the name of a version's work, for policies, bulkheads and metrics: `<saga>.<step>.<op>`. */
export function effectName({ saga, name, version }: Named, op: WorkOp): string {
  return `${saga}.${name}.${op}${version === 1 ? '' : `.v${version}`}`;
}

/** The work that a step may have: total, and what `effectsOf` makes effects of. */
export function effectOpsOf<DB>({ declaration, step, handlers }: Member<DB>): readonly WorkOp[] {
  const stops = lastStop(declaration) === step;
  return [
    handlers.external === undefined ? 'resolve' : 'apply',
    ...(canBeUndone(step) ? (['compensate'] as const) : []),
    ...(stops && declaration.cancel !== undefined ? (['cancel'] as const) : []),
    ...(stops && declaration.deadlineMs !== undefined ? (['deadline'] as const) : []),
    ...(handlers.external?.deadlineMs === undefined ? [] : (['expire'] as const)),
  ];
}
