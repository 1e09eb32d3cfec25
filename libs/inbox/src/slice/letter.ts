import {
  type Envelope,
  type EventContext,
  FAILURE_TYPE,
  formatPosition,
  type FailureInput,
} from '@converge/contracts';
import type { IncomingRecord } from '@converge/kafka';
import type { Failure } from '@converge/resilience';
import { deterministicUuid } from '@converge/runtime';
import type { DeadLetterRow } from '../query/dead-letter.ts';
import { type Attempt, attemptId, type AttemptPhase } from '../story/attempt.ts';
import { clean, headersJson, keyOf, payloadOf } from './record-text.ts';

/** An event given up: everything that the dead letter and the failure event say. */
export interface Letter {
  readonly record: IncomingRecord;
  readonly envelope: Envelope | undefined;
  readonly handler: string;
  readonly phase: AttemptPhase;
  readonly failure: Failure;
  /** At least one. */
  readonly attempts: readonly Attempt[];
}

export interface LetterOrigin {
  readonly consumer: string;
  /** Tells offsets of a topic from those of its namesake that was made later. */
  readonly topicId: string | null;
}

/** Replays of the event by an operator count runs; the first one is 0. */
const run = 0;

export function letterId({ record }: Letter, { consumer, topicId }: LetterOrigin): string {
  const { topic, partition, offset } = record;
  return deterministicUuid('dead_letter', consumer, topicId ?? '', topic, partition, String(offset), run);
}

export function failureEventId(letter: Letter, origin: LetterOrigin): string {
  const incoming = letter.envelope?.id ?? letterId(letter, origin);
  return deterministicUuid(origin.consumer, letter.handler, 'failure', run, incoming, 0);
}

export function letterRow(letter: Letter, origin: LetterOrigin): DeadLetterRow {
  const { record, envelope, failure, attempts, handler } = letter;
  const times = attempts.map(({ at }) => at).toSorted();
  return {
    id: letterId(letter, origin),
    consumer: origin.consumer,
    handler,
    topic: record.topic,
    partition: record.partition,
    record_offset: `${record.offset}`,
    position: envelope?.position === undefined ? null : formatPosition(envelope.position),
    event_id: envelope?.id ?? null,
    type: envelope?.type ?? null,
    version: envelope?.version ?? null,
    source: envelope?.source ?? null,
    key: keyOf(record, envelope),
    record_key: record.key,
    headers: headersJson(record.headers),
    payload: record.value,
    category: failure.category,
    certainty: failure.certainty,
    code: clean(failure.code, 200),
    reason: clean(failure.message, 4_000),
    attempts: JSON.stringify(attempts),
    first_at: times[0] ?? '',
    last_at: times.at(-1) ?? '',
    failure_event: failureEventId(letter, origin),
  };
}

export function failureInput(letter: Letter, origin: LetterOrigin): FailureInput {
  const row = letterRow(letter, origin);
  const { envelope, failure, attempts } = letter;
  const traceparent = envelope?.headers['traceparent'];
  return {
    consumer: row.consumer,
    handler: row.handler,
    event: {
      id: row.event_id,
      type: row.type,
      version: row.version,
      source: row.source,
      topic: row.topic,
      partition: row.partition,
      offset: row.record_offset,
      position: row.position,
      key: row.key,
      ...payloadOf(letter.record.value, `dead_letter:${row.id}`),
    },
    category: failure.category,
    certainty: failure.certainty,
    code: row.code,
    message: row.reason,
    attempts: attempts.filter(({ outcome }) => outcome !== 'rerun'),
    firstAt: row.first_at,
    lastAt: row.last_at,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(envelope === undefined ? {} : { causationId: envelope.id }),
    ...withCause(causeOf(letter, origin)),
  };
}

/** Failure events of an event at the hop limit must still get out, so they do not count beyond it. */
const MAX_HOPS = 32;

/** Correlation, causation and hops of what answers an event; what answers a failure points at the attempt that caused it. */
export function storyOf(
  event: Pick<Envelope, 'id' | 'type' | 'correlationId' | 'hops' | 'deadline' | 'attemptId'>,
): EventContext & { readonly correlationId: string; readonly causationId: string; readonly hops: number } {
  return {
    correlationId: inHeader(event.correlationId ?? event.id),
    causationId: inHeader(event.id),
    hops: event.hops + 1,
    ...(event.deadline === undefined ? {} : { deadline: event.deadline }),
    ...(event.type === FAILURE_TYPE ? withCause(event.attemptId) : {}),
  };
}

export function failureStory(letter: Letter, origin: LetterOrigin): EventContext {
  const { envelope } = letter;
  const cause = withCause(causeOf(letter, origin));
  if (envelope === undefined) return { hops: 1, ...cause };
  const { correlationId, causationId } = storyOf(envelope);
  return { correlationId, causationId, hops: Math.min(envelope.hops + 1, MAX_HOPS), ...cause };
}

/** The id of the attempt after which the event was given up. */
function causeOf({ record, handler, attempts }: Letter, { consumer, topicId }: LetterOrigin) {
  const last = attempts.at(-1);
  return last === undefined ? undefined : attemptId({ consumer, topicId, record, handler, run }, last);
}

function withCause(attemptId: string | undefined): { readonly attemptId?: string } {
  return attemptId === undefined ? {} : { attemptId: inHeader(attemptId) };
}

/** An id is sent twice in the headers of what answers it, and a foreign producer's may be of any length. */
const MAX_ID_BYTES = 512;

/** The id, or for a very long one a name that is a function of it; the failure event's data has it as it came. */
function inHeader(id: string): string {
  return Buffer.byteLength(id) <= MAX_ID_BYTES ? id : deterministicUuid('long_id', id);
}
