import { formatPosition } from '@convergekit/contracts/engine';
import { failureEventId, type DeadLetter, times } from '../attempt/dead-letter.ts';
import { clean, headersJson, keyOf, sha256 } from '../slice/record-text.ts';

/** `waiting` and, where dead letters hold their key, `dead` are queued in a line; the others are records. */
export const PARKED_STATES = ['waiting', 'dead', 'rejected', 'skipped', 'superseded', 'replaced'] as const;
export type ParkedState = (typeof PARKED_STATES)[number];

/** A place in the line of a key. */
export interface Place {
  readonly line: string;
  readonly seq: bigint;
}

/** The failure's columns of `converge.parked`. */
export type FailureColumns = ReturnType<typeof failureColumns>;

/** Those of an event that was not attempted yet. */
const untried: { readonly [Name in keyof FailureColumns]: FailureColumns[Name] | null } = {
  category: null,
  certainty: null,
  code: null,
  reason: null,
  structural: false,
  attempts: '[]',
  tried_ms: null,
  failure_event: null,
};

/** A row of `converge.parked`, ready to be written: its fields are the columns, but for the times of its attempts. */
export type NewParked = ReturnType<typeof parkedRow>;

type ParkedEvent = Pick<DeadLetter, 'id' | 'consumer' | 'topicId' | 'record' | 'envelope' | 'handler'>;

/**
 * The maximum of kept bytes: the broker bounds a record, but a decompressed batch, or headers as JSON, may be larger.
 */
const MAX_KEPT_PAYLOAD = 4 * 1024 * 1024;
const MAX_KEPT_HEADERS = 1024 * 1024;

/** Returns the bytes that a row keeps: all of a waiting event; a given-up one names the place of the rest. */
function keptOf(
  { record }: ParkedEvent,
  state: ParkedState,
): { readonly headers: string; readonly payload: Buffer | null; readonly closed: string | null } {
  const headers = headersJson(record.headers);
  const payload = record.value;
  const left = [
    ...(payload !== null && payload.length > MAX_KEPT_PAYLOAD ? [leftOut('payload', payload)] : []),
    ...(headers.length > MAX_KEPT_HEADERS ? [leftOut('headers as JSON', headers)] : []),
  ];
  if (state === 'waiting' || left.length === 0) return { headers, payload, closed: null };
  return {
    headers: headers.length > MAX_KEPT_HEADERS ? '[]' : headers,
    payload: payload !== null && payload.length > MAX_KEPT_PAYLOAD ? null : payload,
    closed: `it is too large to be kept whole (${left.join('; ')}); the record is at offset ${record.offset} of ${record.topic}/${record.partition}`,
  };
}

function leftOut(what: string, bytes: Buffer | string): string {
  return `${what}: ${bytes.length} bytes, sha256 ${sha256(bytes)}`;
}

/** The largest time of JavaScript; a producer may write any 64 bits. */
const MAX_TIME_MS = 8_640_000_000_000_000;

export function parkedRow(
  event: ParkedEvent,
  state: ParkedState,
  place: Place | undefined,
  failure: FailureColumns | undefined,
) {
  const { id, consumer, topicId, record, envelope, handler } = event;
  return {
    id,
    consumer,
    topic: record.topic,
    topic_id: topicId,
    line: place?.line ?? null,
    seq: place === undefined ? null : `${place.seq}`,
    state,
    handler,
    partition: record.partition,
    record_offset: `${record.offset}`,
    timestamp_ms: `${Math.max(-1, Math.min(record.timestampMs, MAX_TIME_MS))}`,
    position: envelope?.position === undefined ? null : formatPosition(envelope.position),
    event_id: envelope?.id ?? null,
    type: envelope?.type ?? null,
    version: envelope?.version ?? null,
    source: envelope?.source ?? null,
    key: keyOf(record, envelope),
    record_key: record.key,
    ...keptOf(event, state),
    ...(failure ?? untried),
    /** True when the event's bytes are not in the row, but are read from the log. */
    in_log: false,
  };
}

/** The row of a waiting event whose bytes stay in the log. */
export function inLogRow(row: NewParked): NewParked {
  const { record_key: key } = row;
  return {
    ...row,
    in_log: true,
    payload: null,
    headers: '[]',
    record_key: key !== null && key.length <= 1024 ? key : null,
  };
}

/** Builds the failure's columns. `final`: a failure event goes out, so only an operator can change the row. */
export function failureColumns(deadLetter: DeadLetter, final: boolean) {
  const { failure, attempts } = deadLetter;
  const { first, last } = times(attempts);
  return {
    category: failure.category,
    certainty: failure.certainty,
    code: clean(failure.code, 200),
    reason: clean(failure.message, 4_000),
    structural: failure.structural,
    attempts: JSON.stringify(attempts),
    /** The time between the first and the last attempt; null: none was made. Its clock says nothing about the database's. */
    tried_ms: Math.max(0, Date.parse(last) - Date.parse(first)),
    failure_event: final ? failureEventId(deadLetter) : null,
  };
}
