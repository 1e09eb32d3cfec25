import type { DomainEvent } from '@convergekit/contracts';
import { canBeUndone, type SagaDeclaration, type StepDeclaration } from '../declare/declaration.ts';
import { SagaError } from '../errors.ts';
import type { Fact } from './story.ts';
import type { StepKey } from '@convergekit/effects/engine';
import type { ErasedHandlers } from './types.ts';

/** A step as its consumer runs it. */
export interface Member<DB> {
  readonly declaration: SagaDeclaration;
  readonly step: StepDeclaration;
  readonly handlers: ErasedHandlers<DB>;
}

export function keyOf({ step }: Pick<Member<never>, 'step'>, instance: string): StepKey {
  return { saga: step.saga, version: step.version, instance, step: step.name };
}

/** Which fact the event is that a handler returned. Throws STEP_INVALID for what the declaration does not say. */
export function factOf({ step }: Pick<Member<never>, 'step'>, made: DomainEvent, undo = false): Fact {
  const told = (made as DomainEvent | undefined)?.type;
  if (undo ? told === step.undone?.type : told === step.success.type) return undo ? 'undone' : 'success';
  if (!undo && step.failure !== undefined && told === step.failure.type) return 'failure';
  const declared = undo ? [step.undone] : [step.success, step.failure];
  const wanted = declared.flatMap((event) => event?.type ?? []).join(' or ');
  throw new SagaError(
    'STEP_INVALID',
    `saga ${step.saga}, step ${step.name}: ${undo ? 'its undo' : 'apply'} returned ${told ?? 'nothing'}; return ${wanted}`,
    { category: 'bug' },
  );
}

/** How the step would be undone, and after which: what its intent says of that. */
export function planOf({ declaration, step }: Pick<Member<never>, 'declaration' | 'step'>): string {
  const after = declaration.stages
    .flatMap(({ index, steps }) => (index > step.stage ? steps.filter(canBeUndone) : []))
    .map(({ name }) => name)
    .toReversed();
  const undo = canBeUndone(step) ? step.name : null;
  return JSON.stringify(undo === null ? { undo } : { undo, after, ...noEffect(step) });
}

function noEffect({ kind, reason }: StepDeclaration): { readonly because?: string } {
  return kind === 'none' && reason !== undefined ? { because: reason } : {};
}
