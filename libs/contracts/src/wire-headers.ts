import { ContractError } from './contract-error.ts';
import { textOf } from './text.ts';
import { CONTENT_TYPE, dataSchemaOf, isReserved, WIRE } from './wire.ts';

export type WireHeaders = Readonly<Record<string, string>>;

/** No honest producer comes near; a hostile one must not make us build huge objects. */
const MAX_RECEIVED = 256;

/** A record's headers; as text, too, names and values in turn, where somebody decoded them: U+FFFD for bytes that are no UTF-8. */
export interface EncodedHeaders {
  readonly headers: readonly (readonly [string, Uint8Array | null])[];
  readonly headerTexts?: readonly (string | null)[];
}

/**
 * An object that inherits nothing, so that a header named __proto__ is a name like any other. Not `Object.create(null)`: that
 * is a hash table, which takes six times the memory of these few names and lives as long as its event.
 */
const Dictionary = function () {} as unknown as new () => Record<string, string>;
Dictionary.prototype = Object.create(null) as object;

/**
 * The record's headers as text. Ours must be unique and text: two different `ce_id` would let two readers see two
 * events. Foreign ones: the last of a name counts, and one that is not text is left out (the record still has it).
 */
export function readHeaders(record: EncodedHeaders): WireHeaders {
  const { headerTexts } = record;
  const read = new Dictionary();
  if (headerTexts === undefined) {
    refuseTooMany(record.headers.length);
    for (const [name, value] of record.headers) put(read, name, decoded(value));
    return withoutBadTrace(read);
  }
  refuseTooMany(headerTexts.length / 2);
  for (let at = 0; at < headerTexts.length; at += 2) {
    const text = headerTexts[at + 1] ?? undefined;
    put(read, headerTexts[at] ?? '', text === undefined ? undefined : strictly(text, record, at / 2));
  }
  return withoutBadTrace(read);
}

/** W3C trace context; the tail is what later versions may add. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]{0,64})?$/;
/** What W3C asks everyone to carry on. */
const MAX_TRACESTATE = 512;

/** Leaves out a trace context that is not valid: it would be copied into spans, failure events and what handlers emit. */
function withoutBadTrace(read: Record<string, string>): WireHeaders {
  const { traceparent, tracestate } = read;
  const valid = traceparent !== undefined && TRACEPARENT.test(traceparent);
  if (traceparent !== undefined && !valid) delete read['traceparent'];
  if (tracestate !== undefined && (!valid || tracestate.length > MAX_TRACESTATE)) delete read['tracestate'];
  return read;
}

function put(read: Record<string, string>, name: string, text: string | undefined): void {
  if (isReserved(name)) read[name] = ours(read, name, text);
  else if (text !== undefined) read[name] = text;
}

function refuseTooMany(count: number): void {
  if (count > MAX_RECEIVED)
    throw new ContractError('HEADERS_INVALID', `the record has ${count} headers, more than ${MAX_RECEIVED}`);
}

function decoded(value: Uint8Array | null): string | undefined {
  return value === null ? undefined : textOf(value);
}

/** U+FFFD may have stood in the bytes themselves. Only then the bytes are asked for: to make them costs more than all this. */
function strictly(text: string, record: EncodedHeaders, at: number): string | undefined {
  return text.includes('\ufffd') ? decoded(record.headers[at]?.[1] ?? null) : text;
}

function ours(read: WireHeaders, name: string, text: string | undefined): string {
  if (name in read) throw invalid(name, 'is there twice');
  // eslint-disable-next-line no-control-regex
  if (text === undefined || /[\u0000-\u001f\u007f]/.test(text)) throw invalid(name, 'is not text');
  return text;
}

function invalid(name: string, what: string): ContractError {
  return new ContractError('HEADERS_INVALID', `the header ${JSON.stringify(name.slice(0, 80))} ${what}`);
}

/** What the kit knows of an event's story when it is written. */
export interface EventContext {
  readonly correlationId?: string;
  readonly causationId?: string;
  readonly hops?: number;
  readonly deadline?: Date;
  readonly saga?: string;
  readonly replayOf?: string;
  readonly attemptId?: string;
  /** The sagas that the event starts, as `name/version`. @default what its definition says */
  readonly starts?: readonly string[];
}

/** The wire headers that the writer (not the relay) sets for an event. */
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
  ];
  const headers: Record<string, string> = {};
  for (const [name, value] of named) if (value !== undefined) headers[name] = value;
  return headers;
}
