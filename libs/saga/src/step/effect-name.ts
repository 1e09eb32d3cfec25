import { canBeUndone, lastStop, type StepDeclaration } from '../declare/declaration.ts';
import type { WorkOp } from '@convergekit/effects/engine';
import type { Member } from './member.ts';

type Named = Pick<StepDeclaration, 'saga' | 'name' | 'version'>;

/** By which policies and attempts know the handler of a step: `<saga>.<step>`, and its version from the second one on. */
export function stepName({ saga, name, version }: Named): string {
  return `${saga}.${name}${version === 1 ? '' : `.v${version}`}`;
}

/**
 * What the work of a step is called: `<saga>.<step>.<op>`, by which policies, bulkheads and metrics know it. Versions have
 * work of their own, since only the code that knows a version can do its work.
 */
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
