import { ContractError } from './contract-error.ts';
import { textOf } from './text.ts';
import { CONTENT_TYPE, dataSchemaOf, isReserved, WIRE } from './wire.ts';

export type WireHeaders = Readonly<Record<string, string>>;

/** No honest producer comes near; a hostile one must not make us build huge objects. */
const MAX_RECEIVED = 256;

/** A record's headers, and as text where somebody decoded them before: U+FFFD for bytes that are not UTF-8. */
export interface EncodedHeaders {
  readonly headers: readonly (readonly [string, Uint8Array | null])[];
  readonly headerTexts?: readonly (readonly [string, string | null])[];
}

/**
 * The record's headers as text. Ours must be unique and text: two different `ce_id` would let two readers see two
 * events. Foreign ones: the last of a name counts, and one that is not text is left out (the record still has it).
 */
export function readHeaders(record: EncodedHeaders): WireHeaders {
  const texts = record.headerTexts ?? record.headers;
  if (texts.length > MAX_RECEIVED)
    throw new ContractError(
      'HEADERS_INVALID',
      `the record has ${texts.length} headers, more than ${MAX_RECEIVED}`,
    );
  // No prototype: a header named __proto__ is then a name like any other.
  const read = Object.create(null) as Record<string, string>;
  for (let at = 0; at < texts.length; at += 1) {
    const [name = '', value = null] = texts[at] ?? [];
    const text = typeof value === 'string' ? strictly(value, record, at) : decoded(value);
    if (isReserved(name)) read[name] = ours(read, name, text);
    else if (text !== undefined) read[name] = text;
  }
  return read;
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
}

/** The wire headers that the writer (not the relay) sets for an event. */
export function contextHeaders(
  event: { readonly type: string; readonly version: number },
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
    [WIRE.replayOf, context.replayOf],
    [WIRE.attemptId, context.attemptId],
  ];
  const headers: Record<string, string> = {};
  for (const [name, value] of named) if (value !== undefined) headers[name] = value;
  return headers;
}
