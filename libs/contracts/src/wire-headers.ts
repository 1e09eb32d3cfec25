import { ContractError } from './contract-error.ts';
import { textOf } from './text.ts';
import { CONTENT_TYPE, dataSchemaOf, isReserved, WIRE } from './wire.ts';

export type WireHeaders = Readonly<Record<string, string>>;

/** Maximum number of received headers: far above any real producer, and small enough against a hostile one. */
const MAX_RECEIVED = 256;

/** The headers of a record. `headerTexts` has names and values as text in turn, if decoded: U+FFFD for invalid UTF-8. */
export interface EncodedHeaders {
  readonly headers: readonly (readonly [string, Uint8Array | null])[];
  readonly headerTexts?: readonly (string | null)[] | undefined;
}

/**
 * Constructs an object that inherits nothing, so that a header named __proto__ is an ordinary name.
 * `Object.create(null)` would be a hash table, with six times the memory for the lifetime of the event.
 */
const Dictionary = function () {} as unknown as new () => Record<string, string>;
Dictionary.prototype = Object.create(null) as object;

/**
 * Decodes the record's headers to text. Headers of the kit must be unique and text: with two `ce_id`, two readers could
 * see two events. Where other headers repeat a name, the last one counts; a header that is not text is dropped (the
 * record keeps it).
 */
export function readHeaders(record: EncodedHeaders): WireHeaders {
  const { headerTexts } = record;
  const read = new Dictionary();
  if (headerTexts === undefined) {
    refuseTooMany(record.headers.length);
    for (const [name, value] of record.headers) put(read, name, decode(value));
    return dropInvalidTrace(read);
  }
  refuseTooMany(headerTexts.length / 2);
  for (let at = 0; at < headerTexts.length; at += 2) {
    const text = headerTexts[at + 1] ?? undefined;
    put(read, headerTexts[at] ?? '', text === undefined ? undefined : strictly(text, record, at / 2));
  }
  return dropInvalidTrace(read);
}

/** W3C trace context. Later versions may append the tail. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]{0,64})?$/;
/** The size that W3C requires every participant to propagate. */
const MAX_TRACESTATE = 512;

/** Drops an invalid trace context, which would be copied into spans, failure events and emitted events. */
function dropInvalidTrace(read: Record<string, string>): WireHeaders {
  const { traceparent, tracestate } = read;
  const valid = traceparent !== undefined && TRACEPARENT.test(traceparent);
  if (traceparent !== undefined && !valid) delete read['traceparent'];
  if (tracestate !== undefined && (!valid || tracestate.length > MAX_TRACESTATE)) delete read['tracestate'];
  return read;
}

function put(read: Record<string, string>, name: string, text: string | undefined): void {
  if (isReserved(name)) read[name] = kitHeader(read, name, text);
  else if (text !== undefined) read[name] = text;
}

function refuseTooMany(count: number): void {
  if (count > MAX_RECEIVED)
    throw new ContractError('HEADERS_INVALID', `the record has ${count} headers, more than ${MAX_RECEIVED}`);
}

function decode(value: Uint8Array | null): string | undefined {
  return value === null ? undefined : textOf(value);
}

/** Decodes the bytes only for a text with U+FFFD, which may be genuine: copying bytes is expensive. */
function strictly(text: string, record: EncodedHeaders, at: number): string | undefined {
  return text.includes('\ufffd') ? decode(record.headers[at]?.[1] ?? null) : text;
}

function kitHeader(read: WireHeaders, name: string, text: string | undefined): string {
  if (name in read) throw invalid(name, 'is there twice');
  // eslint-disable-next-line no-control-regex
  if (text === undefined || /[\u0000-\u001f\u007f]/.test(text)) throw invalid(name, 'is not text');
  return text;
}

function invalid(name: string, what: string): ContractError {
  return new ContractError('HEADERS_INVALID', `the header ${JSON.stringify(name.slice(0, 80))} ${what}`);
}

/** The causal context of an event when it is written. */
export interface EventContext {
  /** The id that all events of one story share; absent: the event begins a story, and its own id is taken. */
  readonly correlationId?: string;
  /** The id of the event that caused it; absent: none did. */
  readonly causationId?: string;
  /** The number of handlers between the story's first event and this one; absent: 0. */
  readonly hops?: number;
  /** The time after which its result is of no use; absent: there is none. */
  readonly deadline?: Date;
  /** The saga of the event, as `name/version`; absent outside of sagas. */
  readonly saga?: string;
  /** The id of the replay that publishes it again; absent for new events. */
  readonly replayOf?: string;
  /** The attempt that caused a failure event; absent for other events. */
  readonly attemptId?: string;
  /** The `traceparent` of that attempt. Absent without a trace. */
  readonly attemptTrace?: string;
  /** The sagas that the event starts, as `name/version`. @default the sagas of the event's definition */
  readonly starts?: readonly string[];
}

/** Returns the headers that the writer (not the relay) sets for an event. */
export function contextHeaders(
  event: {
    readonly type: string;
    readonly version: number;
    readonly definition?: { readonly starts?: readonly string[] };
  },
  context: EventContext = {},
): Record<string, string> {
  const named: readonly (readonly [string, string | undefined])[] = [
    [WIRE.dataSchema, dataSchemaOf(event.type, event.version)],
    [WIRE.contentType, CONTENT_TYPE],
    [WIRE.correlationId, context.correlationId],
    [WIRE.causationId, context.causationId],
    [WIRE.hops, context.hops?.toString()],
    [WIRE.deadline, context.deadline?.toISOString()],
    [WIRE.saga, context.saga],
    [WIRE.sagaStart, (context.starts ?? event.definition?.starts)?.join()],
    [WIRE.replayOf, context.replayOf],
    [WIRE.attemptId, context.attemptId],
    [WIRE.attemptTrace, context.attemptTrace],
  ];
  const headers: Record<string, string> = {};
  for (const [name, value] of named) if (value !== undefined) headers[name] = value;
  return headers;
}
