import { type Envelope, formatPosition } from '@converge/contracts';
import type { IncomingRecord } from '@converge/kafka';
import { failureEventId, type Letter, times } from '../slice/letter.ts';
import { clean, headersJson, keyOf } from '../slice/record-text.ts';

/** `waiting` and, where dead letters hold their key, `dead` stand in a line; the others are records. */
export const PARKED_STATES = ['waiting', 'dead', 'rejected', 'skipped', 'superseded'] as const;
export type ParkedState = (typeof PARKED_STATES)[number];

/** Its place: the line of a key, and where in it. */
export interface Place {
  readonly line: string;
  readonly seq: bigint;
}

/** The failure's columns of `converge.parked`. */
export interface FailureColumns {
  readonly category: string;
  readonly certainty: string;
  readonly code: string;
  readonly reason: string;
  readonly structural: boolean;
  readonly attempts: string;
  readonly first_at: string;
  readonly last_at: string;
  readonly failure_event: string | null;
}

/** A row of `converge.parked`, ready to be written. */
export interface NewParked extends Partial<FailureColumns> {
  readonly id: string;
  readonly consumer: string;
  readonly topic: string;
  readonly topic_id: string | null;
  readonly line: string | null;
  readonly seq: string | null;
  readonly state: ParkedState;
  readonly handler: string;
  readonly partition: number;
  readonly record_offset: string;
  readonly timestamp_ms: string;
  readonly position: string | null;
  readonly event_id: string | null;
  readonly type: string | null;
  readonly version: number | null;
  readonly source: string | null;
  readonly key: string;
  readonly record_key: Buffer | null;
  readonly headers: string;
  readonly payload: Buffer | null;
  /** Why it must not be tried again. */
  readonly closed?: string;
}

export interface ParkedEvent {
  readonly id: string;
  readonly consumer: string;
  readonly topicId: string | null;
  readonly record: IncomingRecord;
  readonly envelope: Envelope | undefined;
  readonly handler: string;
}

export function parkedRow(
  { id, consumer, topicId, record, envelope, handler }: ParkedEvent,
  state: ParkedState,
  place: Place | undefined,
  failure: FailureColumns | undefined,
): NewParked {
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
    timestamp_ms: `${record.timestampMs}`,
    position: envelope?.position === undefined ? null : formatPosition(envelope.position),
    event_id: envelope?.id ?? null,
    type: envelope?.type ?? null,
    version: envelope?.version ?? null,
    source: envelope?.source ?? null,
    key: keyOf(record, envelope),
    record_key: record.key,
    headers: headersJson(record.headers),
    payload: record.value,
    ...failure,
  };
}

/** `told`: a failure event goes out with it, so it is final until an operator acts. */
export function failureColumns(letter: Letter, told: boolean): FailureColumns {
  const { failure, attempts } = letter;
  const { first, last } = times(attempts);
  return {
    category: failure.category,
    certainty: failure.certainty,
    code: clean(failure.code, 200),
    reason: clean(failure.message, 4_000),
    structural: failure.structural,
    attempts: JSON.stringify(attempts),
    first_at: first,
    last_at: last,
    failure_event: told ? failureEventId(letter) : null,
  };
}
