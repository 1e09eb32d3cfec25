import { ContractError } from './contract-error.ts';
import type { EventDefinition } from './event-definition.ts';
import { parsePosition, type Position } from './position.ts';
import type { Envelope, ReceivedEvent } from './received-event.ts';
import { boundText, textOf } from './text.ts';
import { type WireHeaders, readHeaders } from './wire-headers.ts';
import { CONTENT_TYPE, SPEC_VERSION, versionOf, WIRE } from './wire.ts';

/** A record from a Kafka client, in the shape of the broker port's IncomingRecord. It is never modified. */
export interface WireRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[];
  readonly headerTexts?: readonly (string | null)[] | undefined;
}

/**
 * Decodes headers, key and payload text strictly. It throws only ContractError, for any bytes.
 * Foreign text is bounded here: an id or name of an envelope has at most 512 bytes (a longer one is replaced by its
 * hash), and invalid trace context is dropped. `headers`, `key` and `payload` are kept as received.
 */
export function decodeEnvelope(record: WireRecord): Envelope {
  const headers = readHeaders(record);
  checkMode(headers);
  const id = boundText(requireHeader(headers, WIRE.id));
  const envelope: Mutable<Envelope> = {
    id,
    type: boundText(requireHeader(headers, WIRE.type)),
    version: versionOf(headers[WIRE.dataSchema]),
    topic: record.topic,
    key: record.key === null ? (headers[WIRE.subject] ?? id) : decodeText(record.key, 'key'),
    time: timeOf(headers, WIRE.time) ?? recordTime(record.timestampMs),
    source: boundText(requireHeader(headers, WIRE.source)),
    hops: hopsOf(headers[WIRE.hops]),
    headers,
    partition: record.partition,
    offset: record.offset,
    payload: payloadOf(record.value),
  };
  addOptional(envelope, headers);
  return envelope;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Adds the optional fields. They are assigned one by one: spreading many small objects was slower than everything else. */
function addOptional(envelope: Mutable<Envelope>, headers: WireHeaders): void {
  const position = positionOf(headers, WIRE.position);
  const prev = positionOf(headers, WIRE.prev);
  const deadline = timeOf(headers, WIRE.deadline);
  if (position !== undefined) envelope.position = position;
  if (prev !== undefined) envelope.prev = prev;
  if (deadline !== undefined) envelope.deadline = deadline;
  for (const name of TEXTS) {
    const value = headers[WIRE[name]];
    if (value !== undefined) envelope[name] = boundText(value);
  }
  const saga = headers[WIRE.saga];
  if (saga !== undefined) envelope.saga = boundText(saga, MAX_SAGA_BYTES);
  const attemptId = headers[WIRE.attemptId];
  if (attemptId !== undefined && UUID.test(attemptId)) envelope.attemptId = attemptId;
  const attemptTrace = headers[WIRE.attemptTrace];
  if (attemptTrace !== undefined && TRACEPARENT.test(attemptTrace)) envelope.attemptTrace = attemptTrace;
}

const TEXTS = ['sourceId', 'correlationId', 'causationId', 'replayOf'] as const;
/** Maximum length of a saga reference: name, version and instance, which may be a key of 1024 bytes. */
const MAX_SAGA_BYTES = 2048;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Parses the payload by the event's definition; older versions are upcast. Throws a ContractError. */
export function receive<Data>(
  envelope: Envelope,
  definition: EventDefinition<string, Data>,
): ReceivedEvent<Data> {
  if (envelope.type !== definition.type)
    throw new ContractError(
      'TYPE_MISMATCH',
      `an event of type ${envelope.type} was read as ${definition.type}`,
    );
  return Object.freeze({ ...envelope, data: definition.parse(envelope.payload, envelope.version) });
}

function checkMode(headers: WireHeaders): void {
  const specVersion = requireHeader(headers, WIRE.specVersion);
  if (specVersion !== SPEC_VERSION)
    throw invalidHeader(WIRE.specVersion, `is ${quote(specVersion)}, not ${SPEC_VERSION}`);
  const header = headers[WIRE.contentType] ?? CONTENT_TYPE;
  if (header === CONTENT_TYPE) return;
  const contentType = header.split(';')[0]?.trim().toLowerCase() ?? '';
  const json = contentType === 'application/json' || /^[a-z]+\/[a-z0-9.-]+\+json$/.test(contentType);
  if (!json || contentType.startsWith('application/cloudevents'))
    throw new ContractError(
      'CONTENT_TYPE_UNSUPPORTED',
      `${WIRE.contentType} is ${quote(contentType)}: only JSON in the binary mode of CloudEvents is read`,
    );
}

function requireHeader(headers: WireHeaders, name: string): string {
  const value = headers[name];
  if (value === undefined || value === '')
    throw new ContractError(
      'HEADER_MISSING',
      `the record has no header ${name}: it is not a CloudEvent in binary mode`,
    );
  return value;
}

function positionOf(headers: WireHeaders, name: string): Position | undefined {
  const value = headers[name];
  return value === undefined ? undefined : parsePosition(value);
}

/** The end of year 9999, in epoch milliseconds: an offset can move an RFC 3339 time beyond that year. */
const AFTER_9999 = Date.UTC(10_000, 0);
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,12})?([Zz]|[+-]\d{2}:\d{2})$/;

function timeOf(headers: WireHeaders, name: string): Date | undefined {
  const value = headers[name];
  if (value === undefined) return undefined;
  const time = new Date(RFC3339.test(value) ? value : NaN);
  if (!(time.getTime() < AFTER_9999)) throw invalidHeader(name, `is ${quote(value)}, not an RFC 3339 time`);
  return time;
}

/** Converts a record's timestamp (epoch milliseconds). −1 and values outside the range of Date yield none. */
function recordTime(timestampMs: number): Date {
  const time = new Date(Math.max(0, timestampMs));
  return Number.isNaN(time.getTime()) ? new Date(0) : time;
}

function hopsOf(value: string | undefined): number {
  if (value === undefined) return 0;
  if (!/^(0|[1-9]\d{0,5})$/.test(value))
    throw invalidHeader(WIRE.hops, `is ${quote(value)}, not a whole number`);
  return Number(value);
}

function payloadOf(value: Uint8Array | null): string {
  if (value === null)
    throw new ContractError('PAYLOAD_MISSING', 'the record has no value (a tombstone?): it is not an event');
  return decodeText(value, 'value');
}

function decodeText(bytes: Uint8Array, what: string): string {
  const decoded = textOf(bytes);
  if (decoded !== undefined) return decoded;
  throw new ContractError('PAYLOAD_NOT_TEXT', `the record's ${what} is not UTF-8`);
}

function invalidHeader(name: string, what: string): ContractError {
  return new ContractError('HEADERS_INVALID', `the header ${name} ${what}`);
}

function quote(value: string): string {
  return JSON.stringify(value.slice(0, 80));
}
