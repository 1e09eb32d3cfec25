import {
  type Envelope,
  type EventContext,
  type FailedStep,
  FAILURE_TYPE,
  formatPosition,
  type FailureInput,
} from '@converge/contracts';
import type { IncomingRecord } from '@converge/kafka';
import type { Failure } from '@converge/resilience';
import { deterministicUuid } from '@converge/runtime';
import { type Attempt, attemptId, type TriedEvent } from '../story/attempt.ts';
import { clean, keyOf, payloadOf } from './record-text.ts';

/** An event that does not take effect now: everything that its parked row and the failure event say. */
export interface Letter extends TriedEvent {
  /** Of the parked row; a function of consumer and record, so that a repeated record makes no second one. */
  readonly id: string;
  readonly failure: Failure;
  /** The step of a saga that it is about. */
  readonly saga?: FailedStep | undefined;
  /** At least one. */
  readonly attempts: readonly Attempt[];
}

/** `topicId` tells offsets of a topic from those of its namesake that was made later. */
export function parkedId(
  { topic, partition, offset }: IncomingRecord,
  consumer: string,
  topicId: string | null,
): string {
  return deterministicUuid('parked', consumer, topicId ?? '', topic, partition, String(offset));
}

/** Each run that fails is told by an event of its own. */
export function failureEventId({ id, run, envelope, handler, consumer }: Letter): string {
  return deterministicUuid(consumer, handler, 'failure', run, envelope?.id ?? id, 0);
}

/** When the first and the last attempt began. */
export function times(attempts: readonly Attempt[]): { readonly first: string; readonly last: string } {
  const sorted = attempts.map(({ at }) => at).toSorted();
  return { first: sorted[0] ?? '', last: sorted.at(-1) ?? '' };
}

export function failureInput(letter: Letter): FailureInput {
  const { id, consumer, record, envelope, handler, failure, attempts } = letter;
  const { first, last } = times(attempts);
  const traceparent = envelope?.headers['traceparent'];
  return {
    consumer,
    handler,
    event: {
      id: envelope?.id ?? null,
      type: envelope?.type ?? null,
      version: envelope?.version ?? null,
      source: envelope?.source ?? null,
      topic: record.topic,
      partition: record.partition,
      offset: `${record.offset}`,
      position: envelope?.position === undefined ? null : formatPosition(envelope.position),
      key: keyOf(record, envelope),
      ...payloadOf(record.value, `parked:${id}`),
    },
    category: failure.category,
    certainty: failure.certainty,
    code: clean(failure.code, 200),
    message: clean(failure.message, 4_000),
    attempts: attempts.filter(({ outcome }) => outcome !== 'rerun'),
    firstAt: first,
    lastAt: last,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(envelope === undefined ? {} : { causationId: envelope.id }),
    ...withCause(causeOf(letter)),
    ...(letter.saga === undefined ? {} : { saga: letter.saga }),
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

export function failureStory(letter: Letter): EventContext {
  const { envelope, saga } = letter;
  const of = saga === undefined ? {} : { saga: `${saga.name}/${saga.version}/${saga.instance}` };
  const cause = { ...withCause(causeOf(letter)), ...of };
  if (envelope === undefined) return { hops: 1, ...cause };
  const { correlationId, causationId } = storyOf(envelope);
  return { correlationId, causationId, hops: Math.min(envelope.hops + 1, MAX_HOPS), ...cause };
}

/** The id of the attempt after which the event was given up. */
export function causeOf(letter: Letter): string | undefined {
  const last = letter.attempts.at(-1);
  return last === undefined ? undefined : attemptId(letter, last);
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
