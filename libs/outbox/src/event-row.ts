import {
  checkHeaders,
  checkPayload,
  contextHeaders,
  type EventContext,
  isKey,
  RELAY_HEADERS,
  WIRE,
} from '@convergekit/contracts/engine';
import type { DomainEvent } from '@convergekit/contracts';
import type { NewId } from '@convergekit/core';
import { OutboxError } from './errors.ts';

/** The context of the events of one append or emit. */
export interface AppendContext extends EventContext {
  /** The caller's own headers; names that the kit sets are refused. @default none */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An event whose id and kit headers the writer chooses. A handler derives both from the incoming event. */
export interface AppendEvent extends Pick<
  DomainEvent,
  'type' | 'version' | 'topic' | 'key' | 'payload' | 'search'
> {
  /**
   * The id, a UUID, by which consumers deduplicate. Derive it from the incoming event where a repeat must give the same.
   * @default a new UUIDv7
   */
  readonly id?: string;
  /**
   * The headers of the event. Kit names (causation, correlation, hops, trace context …) are allowed, except the names
   * that the relay writes. @default none
   */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The columns that a writer sets; the database adds xid, id and created_at. */
export interface EventRow {
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly headers: string;
  readonly payload: string;
  /** The digests of its fields to search by, as an array of Postgres; null: none. */
  readonly search: string | null;
}

/** The attributes of an event for a span, without key and payload. */
export interface EventAttributes {
  readonly eventId: string;
  readonly topic: string;
  readonly type: string;
}

export interface RowSettings {
  readonly newId: NewId;
  readonly maxBytes: number;
  readonly maxHops: number;
  /** Adds the trace context under which this event is created. */
  readonly inject: (carrier: Record<string, string>, event: EventAttributes) => void;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Validates an event and returns its row. Throws ContractError or OutboxError; nothing was written then. */
export function rowOf(event: AppendEvent, context: AppendContext, settings: RowSettings): EventRow {
  const { type, topic, key, payload, search = [] } = event;
  const eventId = event.id ?? settings.newId();
  checkNames(event, eventId);
  checkPayload(payload, settings.maxBytes);
  if (context.headers !== undefined) checkHeaders(context.headers);
  const trace: Record<string, string> = {};
  settings.inject(trace, { eventId, topic, type });
  // A spread keeps a header named __proto__, which an assignment takes for the prototype.
  const headers = { ...trace, ...contextHeaders(event, context), ...context.headers, ...event.headers };
  // An event without a correlation id starts a new chain.
  headers[WIRE.correlationId] ??= eventId;
  checkHeaders(headers, { reserved: 'allow' });
  checkRelayOwned(headers, type);
  checkHops(headers[WIRE.hops], event, settings.maxHops);
  const digests = search.length === 0 ? null : `{${search.join(',')}}`;
  return { eventId, topic, key, type, headers: JSON.stringify(headers), payload, search: digests };
}

function checkNames({ type, topic, key }: AppendEvent, eventId: string): void {
  if (!uuid.test(eventId))
    throw invalid(`the id of ${type}, ${JSON.stringify(eventId)}, is not a lower-case uuid`);
  if (type === '' || topic === '') throw invalid('type and topic must not be empty');
  if (!isKey(key))
    throw invalid(`the key of ${type} must be 1 to 1024 bytes of text without control characters`);
}

function checkRelayOwned(headers: Readonly<Record<string, string>>, type: string): void {
  const name = Object.keys(headers).find((header) => RELAY_HEADERS.has(header));
  if (name !== undefined)
    throw invalid(`the header ${name} of ${type} is written by the relay: leave it out`);
}

function checkHops(hops: string | undefined, { type, key }: AppendEvent, maxHops: number): void {
  if (hops === undefined || Number(hops) <= maxHops) return;
  throw new OutboxError(
    `${type} for key ${JSON.stringify(key)} would be event number ${hops} in a chain of handlers that answer each other (at most ${maxHops}): two handlers probably answer each other forever. Break the cycle, or raise maxHops.`,
    { code: 'loop_suspected', category: 'bug' },
  );
}

function invalid(what: string): OutboxError {
  return new OutboxError(`the event cannot be written: ${what}.`, {
    code: 'EVENT_INVALID',
    category: 'data',
  });
}
