import type { DomainEvent, EventDefinition } from '@convergekit/contracts';
import type { ConsumerPart } from '@convergekit/inbox/engine';
import { canBeUndone, type StepKind, type StepRef } from '../declare/declaration.ts';
import { SagaError } from '../errors.ts';
import { stepPart } from './part.ts';
import type { ErasedHandlers, StepHandlers } from './types.ts';

/**
 * A step of a declared saga, for the consumer that runs it: `defineConsumer(…).include(step(placeOrder.pay, { … }))`. What
 * it listens to follows from the declaration. Throws STEP_INVALID here, at import, when a handler is missing.
 */
export function step<
  DB,
  Begin extends EventDefinition,
  Success extends EventDefinition,
  Failure extends EventDefinition,
  Undone extends EventDefinition,
  Kind extends StepKind,
  External extends boolean,
>(
  ref: StepRef<Begin, Success, Failure, Undone, Kind, External>,
  handlers: StepHandlers<DB, Begin, Success, Failure, Undone, Kind, External>,
): ConsumerPart<DB> {
  const { declaration, step: declared } = ref;
  return stepPart<DB>({ declaration, step: declared, handlers: erased(ref.step, handlers) });
}

type Given = Readonly<Record<string, unknown>>;

function erased<DB>(
  { saga, name, kind, external, ...of }: StepRef['step'],
  handlers: unknown,
): ErasedHandlers<DB> {
  const given = handlers as Given;
  const needed = ['apply', ...(kind === 'compensatable' ? ['compensate'] : [])];
  const missing = needed.find((one) => typeof given[one] !== 'function');
  if (missing !== undefined)
    throw new SagaError(
      'STEP_INVALID',
      `saga ${saga}, step ${name} of ${of.by}: it has no ${missing}; give one, since it is declared as ${kind}`,
    );
  if (given['deadlineMs'] !== undefined && !canBeUndone({ kind }))
    throw new SagaError(
      'STEP_INVALID',
      `saga ${saga}, step ${name} of ${of.by}: its deadlineMs would have it undone, and a ${kind} step cannot be; leave it out, or give the saga a deadlineMs`,
    );
  // Erased types: the compiler checked them at `step`, and events are parsed by the declaration's own definitions.
  const undo =
    kind === 'compensatable' ? { [external ? 'undoOutside' : 'undoLocal']: given['compensate'] } : {};
  const noop = given['noop'] as ((noop: never) => DomainEvent) | undefined;
  return Object.freeze({
    external,
    [external ? 'outside' : 'local']: given,
    ...undo,
    ...(noop === undefined ? {} : { noop }),
  }) as unknown as ErasedHandlers<DB>;
}
