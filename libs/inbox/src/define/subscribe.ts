import type { EventDefinition, ReceivedEvent } from '@convergekit/contracts';
import { type FailureData, failureEvent, KIT_TYPES, receive } from '@convergekit/contracts/engine';
import { classify } from '@convergekit/resilience';
import { InboxError } from '../errors.ts';
import { requireHandled, type ConsumerRef } from './consumer-ref.ts';
import type { Routed, Subscription } from './subscription.ts';
import {
  type BatchHandler,
  type FailedEvent,
  type FailureHandler,
  type FailureOptions,
  type Handler,
  type EventOptions,
  KNOWN,
} from './types.ts';

/** Refuses what is no definition: JavaScript lets a type's name through. */
function requireDefinition(event: unknown): void {
  const isObject = typeof event === 'function' || (typeof event === 'object' && event !== null);
  if (isObject && 'type' in event && 'topic' in event) return;
  const given = typeof event === 'string' ? JSON.stringify(event) : String(event);
  throw new InboxError(
    'CONSUMER_INVALID',
    `a consumer was given ${given} where the definition of an event belongs: write \`.on(orderPlaced, …)\` with \`const orderPlaced = defineEvent(${typeof event === 'string' ? given : "'order.placed'"}, { … })\``,
  );
}

export function eachSubscription<DB, Data>(
  event: EventDefinition<string, Data>,
  options: EventOptions,
  handler: Handler<DB, Data>,
): Subscription<DB> {
  return {
    ...received(event, options),
    kind: 'each',
    call: async ([first], context) => {
      // Erased type: `route` makes every event that arrives here.
      const one = first as ReceivedEvent<Data>;
      await handler(one, { ...context, event: one, emit: (emitted) => context.emit(emitted, one) });
    },
  };
}

export function batchSubscription<DB, Data>(
  event: EventDefinition<string, Data>,
  options: EventOptions,
  handler: BatchHandler<DB, Data>,
): Subscription<DB> {
  return {
    ...received(event, options),
    kind: 'batch',
    call: async (all, context) => {
      const events = all as readonly ReceivedEvent<Data>[];
      await handler(events, { ...context, events, emit: context.emit });
    },
  };
}

export function failureSubscription<DB, Data>(
  of: ConsumerRef,
  event: EventDefinition<string, Data>,
  options: FailureOptions,
  handler: FailureHandler<DB, Data>,
): Subscription<DB> {
  requireDefinition(event);
  requireHandled(of, event.type);
  const failure = failureEvent(of.name);
  const known = options.certainty === 'known';
  return {
    topic: failure.topic,
    type: KIT_TYPES.failure,
    handler: options.name ?? `failure:${of.name}:${event.type}`,
    kind: 'failure',
    failedType: event.type,
    failuresOf: of.name,
    route: (envelope) => routeFailure(receive(envelope, failure), event, known),
    call: async ([received], context) => {
      const event = received as ReceivedEvent<RoutedFailure<Data>>;
      const { failure, failed } = event.data;
      await handler(failed, {
        ...context,
        event: { ...event, data: failure },
        emit: (emitted) => context.emit(emitted, event),
      });
    },
  };
}

/** A failure event with its parsed failed event: bad data is found before any handler runs. */
interface RoutedFailure<Data> {
  readonly failure: FailureData;
  readonly failed: FailedEvent<Data>;
}

function routeFailure<Data>(
  received: ReceivedEvent<FailureData>,
  event: EventDefinition<string, Data>,
  known: boolean,
): Routed {
  const { data } = received;
  if (data.event.type !== event.type) return { kind: 'skip', why: 'unknown_type', of: data.event.type ?? '' };
  // A saga resolves the unknown outcome of its steps: a later failure event says whether the step took effect.
  const resolvedLater = data.saga !== undefined && data.certainty === 'unknown';
  if (resolvedLater || (known && !KNOWN.includes(data.certainty))) return { kind: 'skip', why: 'uncertain' };
  const routed: RoutedFailure<Data> = { failure: data, failed: parseFailed(data, event) };
  return { kind: 'handle', event: { ...received, data: routed } };
}

function parseFailed<Data>(failure: FailureData, event: EventDefinition<string, Data>): FailedEvent<Data> {
  const { payload, version, ref } = failure.event;
  if (payload === undefined)
    throw new InboxError(
      'FAILED_EVENT_NOT_INCLUDED',
      `the failure event does not carry the payload of ${event.type} (${ref === undefined ? 'it is not text' : `it is at ${ref}`}): compensate this one by hand`,
      { category: 'data' },
    );
  return { ...failure, event: { ...failure.event, data: parsed(payload, version ?? 1, event) } };
}

function parsed<Data>(payload: string, version: number, event: EventDefinition<string, Data>): Data {
  try {
    return event.parse(payload, version);
  } catch (cause) {
    throw new InboxError(
      'FAILED_EVENT_UNREADABLE',
      `the failed ${event.type} does not fit this service's definition of it (${classify(cause).code}): compensate this one by hand, by its key, then \`converge parked skip\` its failure event`,
      { category: 'data', cause },
    );
  }
}

/** What subscriptions to an event have in common, whether its handler takes one event or several. */
function received<DB, Data>(
  event: EventDefinition<string, Data>,
  options: EventOptions,
): Omit<Subscription<DB>, 'kind' | 'call'> {
  requireDefinition(event);
  return {
    topic: event.topic,
    type: event.type,
    handler: options.name ?? event.type,
    ...refetching(event, options),
    // The text of its key function: the same for events of one kind of key.
    keyedBy: String(Reflect.get(event, 'keyOf')),
    route: (envelope) => ({ kind: 'handle', event: receive(envelope, event) }),
  };
}

function refetching<Data>(
  event: EventDefinition<string, Data>,
  { refetch }: EventOptions,
): Pick<Subscription<never>, 'refetch'> {
  if (refetch === undefined) return {};
  return {
    refetch: async (envelope, context) => {
      const { id, type, key, payload } = envelope;
      const current = await refetch({ id, type, key, payload }, context);
      if (current === undefined) return undefined;
      return { ...envelope, data: event.parse(JSON.stringify(current), event.version) };
    },
  };
}
