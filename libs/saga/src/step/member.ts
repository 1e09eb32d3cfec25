import type { DomainEvent } from '@convergekit/contracts';
import { canBeUndone, type SagaDeclaration, type StepDeclaration, lastStop } from '../declare/declaration.ts';
import { SagaError } from '../errors.ts';
import type { Fact } from './saga-ref.ts';
import type { StepKey, WorkOp } from '../calls/work/step-key.ts';
import type { TriggerRequest } from '../fence/apply-trigger.ts';
import type { FenceOrder } from './fence-order.ts';
import type { StoredEvent } from './stored-event.ts';
import type { ErasedHandlers } from './types.ts';

/** A step, as its consumer runs it. */
export interface Member<DB> {
  readonly declaration: SagaDeclaration;
  readonly step: StepDeclaration;
  readonly handlers: ErasedHandlers<DB>;
  readonly order: FenceOrder;
}

/** A step of one run of its saga. */
export interface StepRun<DB> {
  readonly member: Member<DB>;
  /** The id of the event that started the run. */
  readonly instance: string;
}

type NamedRun = Pick<StepRun<never>, 'instance'> & { readonly member: Pick<Member<never>, 'step'> };

export function keyOf({ member: { step }, instance }: NamedRun): StepKey {
  return { saga: step.saga, version: step.version, instance, step: step.name };
}

/** Returns what every request to the fence of a step says. `event`: the cause; undefined: only the instance is known. */
export function requestOf<Op extends TriggerRequest['op'], Trigger extends TriggerRequest['trigger']>(
  run: NamedRun,
  event: Pick<StoredEvent, 'id' | 'key'> | undefined,
  op: Op,
  trigger: Trigger,
) {
  const { key, id: causeEvent } = event ?? { key: run.instance, id: run.instance };
  return { ...keyOf(run), consumer: run.member.step.by, key, op, trigger, causeEvent };
}

/** Returns the fact of the event that a handler returned. Throws STEP_INVALID for one that is not declared. */
export function factOf(
  { step }: Pick<Member<never>, 'step'>,
  made: DomainEvent | undefined,
  undo = false,
): { readonly fact: Fact; readonly made: DomainEvent } {
  if (made !== undefined && undo && made.type === step.undone?.type) return { fact: 'undone', made };
  if (made !== undefined && !undo && made.type === step.success.type) return { fact: 'success', made };
  if (made !== undefined && !undo && made.type === step.failure?.type) return { fact: 'failure', made };
  const declared = undo ? [step.undone] : [step.success, step.failure];
  const wanted = declared.flatMap((event) => event?.type ?? []).join(' or ');
  throw new SagaError(
    'STEP_INVALID',
    `saga ${step.saga}, step ${step.name}: ${undo ? 'its undo' : 'apply'} returned ${made?.type ?? 'nothing'}; return ${wanted}`,
    { category: 'bug' },
  );
}

/** Returns the plan for the step's undo, for the intent: its kind, and the steps undone before. */
export function planOf({ declaration, step }: Pick<Member<never>, 'declaration' | 'step'>): string {
  const after = declaration.stages
    .flatMap(({ index, steps }) => (index > step.stage ? steps.filter(canBeUndone) : []))
    .map(({ name }) => name)
    .toReversed();
  const undo = canBeUndone(step) ? step.name : null;
  return JSON.stringify(undo === null ? { undo } : { undo, after, ...noEffect(step) });
}

function noEffect({ kind, reason }: StepDeclaration): { readonly because?: string } {
  return kind === 'withoutUndo' && reason !== undefined ? { because: reason } : {};
}

type Named = Pick<StepDeclaration, 'saga' | 'name' | 'version'>;

/**
 * Returns the name of a step's handler for policies and attempts: `<saga>.<step>`, with its version from the second on.
 */
export function stepName({ saga, name, version }: Named): string {
  return `${saga}.${name}${version === 1 ? '' : `.v${version}`}`;
}

/** Returns the name of a version's work, for policies, bulkheads and metrics: `<saga>.<step>.<op>`. */
export function callName({ saga, name, version }: Named, op: WorkOp): string {
  return `${saga}.${name}.${op}${version === 1 ? '' : `.v${version}`}`;
}

/** The work that a step may have: total, and what `callsOf` makes calls of. */
export function workOpsOf<DB>({ declaration, step, handlers }: Member<DB>): readonly WorkOp[] {
  const stops = lastStop(declaration) === step;
  return [
    handlers.calling === undefined ? 'resolve' : 'apply',
    ...(canBeUndone(step) ? (['compensate'] as const) : []),
    ...(stops && declaration.cancel !== undefined ? (['cancel'] as const) : []),
    ...(stops && declaration.deadlineMs !== undefined ? (['deadline'] as const) : []),
    ...(handlers.calling?.deadlineMs === undefined ? [] : (['expire'] as const)),
  ];
}
