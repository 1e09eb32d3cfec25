import { InboxError } from '../errors.ts';

/** A consumer as others see it: its name, and the types of the events that it handles, where they are known here. */
export interface ConsumerRef<Handled extends string = string> {
  /** The name of the consumer, by which its failure topic is found. */
  readonly name: string;
  /** The types that it handles; undefined for a consumer of another service, whose types are not known. */
  readonly handles?: readonly Handled[];
}

/**
 * Names a consumer of another service whose definition is not at hand, for `onFailure`. Where it can be imported, give the
 * consumer itself: the compiler then refuses an event that it does not handle.
 * @example
 * ```ts
 * import { consumerRef, defineConsumer, type EventDefinition } from 'convergekit';
 *
 * declare const orderPlaced: EventDefinition<'order.placed', { orderId: string }>;
 * export const orders = defineConsumer<{ orders: { id: string } }>('orders').onFailure(
 *   consumerRef('payments'),
 *   orderPlaced,
 *   async ({ event }, { tx }) => {
 *     await tx.deleteFrom('orders').where('id', '=', event.data.orderId).execute();
 *   },
 * );
 * ```
 */
export function consumerRef(name: string): ConsumerRef {
  return Object.freeze({ name });
}

/** Nothing, or the sentence that the compiler shows for an event which a consumer does not handle. */
export type HandledBy<Type extends string, Handled extends string> = string extends Type
  ? unknown
  : Type extends Handled
    ? unknown
    : `'${Type}' is no event that this consumer handles, so it never fails there: name the consumer that has \`.on(…)\` of it`;

/** Refuses a name in place of a consumer, and an event that the consumer does not handle. */
export function requireHandled(of: ConsumerRef, type: string): void {
  if (typeof of === 'string')
    throw invalid(
      `a name, '${String(of)}', where a consumer belongs: give the consumer itself, or \`consumerRef('${String(of)}')\` for one of another service`,
    );
  const { name, handles } = of;
  if (handles !== undefined && !handles.includes(type))
    throw invalid(
      `${type}, which consumer ${name} does not handle, so it never fails there: name the consumer that has \`.on(…)\` of it (${name} handles ${handles.length === 0 ? 'nothing' : handles.join(', ')})`,
    );
}

function invalid(given: string): InboxError {
  return new InboxError('CONSUMER_INVALID', `onFailure(…) was given ${given}`);
}
