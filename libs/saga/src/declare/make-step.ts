import type { EventDefinition } from '@convergekit/contracts';
import { KIT_TYPES } from '@convergekit/contracts/engine';
import type { SagaDeclaration, StepDeclaration, StepKind } from './declaration.ts';
import { checkConsumerName, checkStepName, invalid } from './names.ts';

/** The unchecked arguments of a builder's method: JavaScript can pass anything. */
export type GivenStep = Readonly<
  Partial<Record<'by' | 'success' | 'failure' | 'undone' | 'call' | 'reason', unknown>>
>;

/** A step as the caller declared it. */
export interface AskedStep {
  readonly name: string;
  readonly kind: StepKind;
  readonly group?: string;
  readonly given: GivenStep;
}

/** Pure: a checked, frozen step for the next stage of a saga. Throws SAGA_INVALID. */
export function makeStep(
  saga: SagaDeclaration,
  { name, kind, group, given }: AskedStep,
  begins: readonly EventDefinition[],
): StepDeclaration {
  const at = { saga: saga.name, step: name };
  const by = checkConsumerName(saga.name, name, given.by);
  const success = eventOf(at, 'success', given.success);
  if (success === undefined)
    throw invalid(
      at,
      'no event says that it took effect',
      'give success: the event that the next step waits for',
    );
  const failure = eventOf(at, 'failure', given.failure);
  const undone = eventOf(at, 'undone', given.undone);
  checkKind(at, kind, { failure, undone, reason: given.reason });
  return Object.freeze({
    saga: saga.name,
    version: saga.version,
    name,
    stage: saga.stages.length,
    kind,
    by,
    call: given.call === true,
    ...(group === undefined ? {} : { group }),
    begins,
    success,
    ...(failure === undefined ? {} : { failure }),
    ...(undone === undefined ? {} : { undone }),
    ...(kind === 'withoutUndo' ? { reason: String(given.reason) } : {}),
  });
}

/** Pure: names and kinds that the order does not allow. Throws SAGA_INVALID. */
export function checkPlace(
  saga: SagaDeclaration,
  { name, kind }: Pick<AskedStep, 'name' | 'kind'>,
  taken: readonly StepDeclaration[],
): void {
  checkStepName(
    saga.name,
    name,
    taken.map((step) => step.name),
  );
  const last = taken.find((step) => step.kind === 'pivot') ?? taken.find((step) => step.kind === 'retriable');
  if (last === undefined || kind === 'retriable') return;
  throw invalid(
    { saga: saga.name, step: name },
    `it can fail, and it stands behind ${last.name} (${last.kind}), from where there is no way back`,
    'move it before that step, or make it retriable',
  );
}

interface Sayings {
  readonly failure: EventDefinition | undefined;
  readonly undone: EventDefinition | undefined;
  readonly reason: unknown;
}

function checkKind(
  at: { readonly saga: string; readonly step: string },
  kind: StepKind,
  { failure, undone, reason }: Sayings,
): void {
  switch (kind) {
    case 'compensatable':
      return;
    case 'withoutUndo':
      if (typeof reason !== 'string' || reason.trim() === '')
        throw invalid(at, 'it does not say why there is nothing to undo', 'give a reason');
      return;
    case 'pivot':
      if (undone !== undefined)
        throw invalid(at, 'a pivot cannot be undone', 'leave undone out, or declare it with .compensatable');
      return;
    case 'retriable':
      if (failure !== undefined)
        throw invalid(
          at,
          'it stands where there is no way back and can fail',
          'leave failure out (it is tried until it works), or move it before the pivot',
        );
      if (undone !== undefined)
        throw invalid(at, 'nothing ever undoes it', 'leave undone out, or declare it with .compensatable');
  }
}

/** True for what `defineEvent` makes. */
export function isEvent(value: unknown): value is EventDefinition {
  return typeof value === 'function' && 'type' in value && 'topic' in value && 'parse' in value;
}

function eventOf(
  at: { readonly saga: string; readonly step: string },
  field: string,
  value: unknown,
): EventDefinition | undefined {
  if (value === undefined) return undefined;
  if (!isEvent(value)) throw invalid(at, `${field} is no event`, 'give what defineEvent made');
  if (value.type === KIT_TYPES.failure)
    throw invalid(
      at,
      `${field} is the failure event of a consumer`,
      'give an event of your own: dead letters are heard without being declared',
    );
  return value;
}
