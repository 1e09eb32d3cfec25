import { randomUUID } from 'node:crypto';
import type { DomainEvent, EventDefinition } from '@convergekit/contracts';
import { contextHeaders, versionOf, WIRE } from '@convergekit/contracts/engine';
import type { EventSource, StoredRow } from './outbox-sql.ts';

/** An event as it was written to an outbox. It can be given to `applyOne` again, for the consumer that hears it. */
export interface EmittedEvent {
  /** The id, by which consumers deduplicate. */
  readonly id: string;
  /** The type: `order.placed`. */
  readonly type: string;
  /** The version of the data, from 1. */
  readonly version: number;
  /** The topic to which the relay publishes it. */
  readonly topic: string;
  /** The key of its entity. */
  readonly key: string;
  /** The data as JSON says it; `eventsOf` gives it with its type. */
  readonly data: unknown;
  /** The data as JSON text. */
  readonly payload: string;
  /** The headers of the outbox row, by their names in a record. */
  readonly headers: Readonly<Record<string, string>>;
  /** The outbox that wrote it. */
  readonly source: EventSource;
}

/** An event to apply: made by its definition, or emitted by another service. One object is one event. */
export type GivenEvent = DomainEvent | EmittedEvent;

/** What made events come from: a service outside of the test. */
const OUTSIDE: EventSource = { id: randomUUID(), name: 'test' };
const made = new WeakMap<DomainEvent, EmittedEvent>();

/** Returns an event as its outbox would have it. The same object gives the same id. */
export function asEmitted(event: GivenEvent): EmittedEvent {
  if ('source' in event) return event;
  const known = made.get(event);
  if (known !== undefined) return known;
  const { type, version, topic, key, data, payload } = event;
  const headers = contextHeaders(event);
  const emitted = { id: randomUUID(), type, version, topic, key, data, payload, headers, source: OUTSIDE };
  made.set(event, emitted);
  return emitted;
}

/** Reads a row of an outbox. */
export function emittedOf(
  { eventId, type, topic, key, payload, headers }: StoredRow,
  source: EventSource,
): EmittedEvent {
  const read = JSON.parse(headers) as Record<string, string>;
  const data: unknown = JSON.parse(payload);
  return {
    id: eventId,
    type,
    version: versionOf(read[WIRE.dataSchema]),
    topic,
    key,
    data,
    payload,
    headers: read,
    source,
  };
}

/**
 * Lists the data of the events of one definition, with its type, in the order in which they were emitted.
 * @example
 * ```ts
 * import { applyOne, eventsOf } from '@convergekit/testing';
 * import { database, orderPlaced, payments, paymentTaken } from './shop.ts';
 *
 * const { emitted } = await applyOne(database, payments, orderPlaced({ orderId: 'o-1', cents: 4_999 }));
 * const [taken] = eventsOf(emitted, paymentTaken);
 * console.log(taken?.cents);
 * ```
 */
export function eventsOf<Data>(
  emitted: readonly EmittedEvent[],
  definition: EventDefinition<string, Data>,
): readonly Data[] {
  return emitted.flatMap(({ type, topic, payload, version }) =>
    type === definition.type && topic === definition.topic ? [definition.parse(payload, version)] : [],
  );
}
