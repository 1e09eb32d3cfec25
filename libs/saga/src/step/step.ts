import type { EventDefinition } from '@convergekit/contracts';
import type { ConsumerPart } from '@convergekit/inbox/engine';
import { canBeUndone, type StepKind, type StepRef } from '../declare/declaration.ts';
import { SagaError } from '../errors.ts';
import { stepPart } from './part.ts';
import type { AnyCall, ErasedHandlers, StepHandlers } from './types.ts';

/**
 * Binds handlers to a step of a saga, in the consumer that runs it: `defineConsumer(…).include(step(placeOrder.pay, { … }))`.
 * The subscriptions follow from the declaration. Throws STEP_INVALID here, at import, when a handler is missing.
 * @example
 * ```ts
 * import { defineConsumer, step } from 'convergekit';
 * import { placeOrder, type ShopDb, stockReserved, stockReturned } from './shop.ts';
 *
 * export const stock = defineConsumer<ShopDb>('stock', { from: 'first' }).include(
 *   step(placeOrder.reserve, {
 *     apply: ({ data: order }) => stockReserved(order),
 *     compensate: ({ intent: { data: order } }) => stockReturned(order),
 *   }),
 * );
 * ```
 */
export function step<
  DB,
  Begin extends EventDefinition,
  Success extends EventDefinition,
  Failure extends EventDefinition,
  Undone extends EventDefinition,
  Kind extends StepKind,
  IsCall extends boolean,
  Of extends AnyCall = AnyCall,
>(
  ref: StepRef<Begin, Success, Failure, Undone, Kind, IsCall>,
  handlers: StepHandlers<DB, Begin, Success, Failure, Undone, Kind, IsCall, Of>,
): ConsumerPart<DB, Begin['type']> {
  const { declaration, step: declared } = ref;
  return stepPart<DB, Begin['type']>({ declaration, step: declared, handlers: erased(ref.step, handlers) });
}

type Given = Readonly<Record<string, unknown>>;

function erased<DB>(
  { name, saga, kind, call: isCall, ...of }: StepRef['step'],
  handlers: unknown,
): ErasedHandlers<DB> {
  const given = handlers as Given;
  const undoes = kind === 'compensatable';
  const invalid = (what: string): SagaError =>
    new SagaError('STEP_INVALID', `saga ${saga}, step ${name} of ${of.by}: ${what}`);
  const needed = isCall
    ? ['input', 'outcome', ...(undoes && of.undone !== undefined ? ['undone'] : [])]
    : ['apply', ...(undoes ? ['compensate'] : [])];
  if (isCall && (given['call'] as Partial<AnyCall> | undefined)?.kind !== 'call')
    throw invalid(
      'it has no call; give what defineCall made, since the saga declares the step with call: true',
    );
  if (!isCall && given['call'] !== undefined)
    throw invalid('it makes a call, and the saga does not say so; declare the step with call: true');
  const missing = needed.find((one) => typeof given[one] !== 'function');
  if (missing !== undefined)
    throw invalid(
      `it has no ${missing}; give one, since it is declared as ${kind}${isCall ? ' with call: true' : ''}`,
    );
  if (isCall && undoes && (given['call'] as AnyCall).bind(name).planned?.kind !== 'undo')
    throw invalid(
      'its call has no compensate; give it one, or declare the step with .withoutUndo and a reason',
    );
  if (given['deadlineMs'] !== undefined && !canBeUndone({ kind }))
    throw invalid(
      `its deadlineMs would have it undone, and a ${kind} step cannot be; leave it out, or give the saga a deadlineMs`,
    );
  // Types are erased here: the compiler checked them at `step`, and the declaration's definitions parse the events.
  const undo = isCall
    ? { undone: given['undone'] ?? (() => undefined) }
    : { compensate: given['compensate'] };
  return Object.freeze({
    [isCall ? 'calling' : 'local']: given,
    ...(undoes ? undo : {}),
    ...(given['noop'] === undefined ? {} : { noop: given['noop'] }),
  }) as unknown as ErasedHandlers<DB>;
}
