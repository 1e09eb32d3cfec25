import {
  boundText,
  type Envelope,
  type EventContext,
  type FailedStep,
  FAILURE_TYPE,
  formatPosition,
  type FailureInput,
} from '@convergekit/contracts';
import type { IncomingRecord } from '@convergekit/broker/engine';
import { deterministicUuid, type Failure } from '@convergekit/core';
import { type Attempt, attemptId, type TriedEvent } from './attempt.ts';
import { clean, keyOf, oneLine, payloadOf, payloadReference } from '../slice/record-text.ts';

/** An event that does not take effect now: everything that its parked row and the failure event say. */
export interface DeadLetter extends TriedEvent {
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
export function failureEventId({ id, run, envelope, handler, consumer }: DeadLetter): string {
  return deterministicUuid(consumer, handler, 'failure', run, envelope?.id ?? id, 0);
}

/** When the first and the last attempt began. */
export function times(attempts: readonly Attempt[]): { readonly first: string; readonly last: string } {
  const sorted = attempts.map(({ at }) => at).toSorted();
  return { first: sorted[0] ?? '', last: sorted.at(-1) ?? '' };
}

/** How much a failure event says, from most to least: each where the one before would be too large to be emitted. */
export const DETAILS = ['whole', 'reference', 'outline'] as const;
export type Detail = (typeof DETAILS)[number];

/** Of an outline. */
const FEW_ATTEMPTS = 5;
const SHORT_MESSAGE = 200;

export function failureInput(deadLetter: DeadLetter, detail: Detail = 'whole'): FailureInput {
  const { id, consumer, record, envelope, handler, failure } = deadLetter;
  const { first, last } = times(deadLetter.attempts);
  const attempts = deadLetter.attempts.filter(({ outcome }) => outcome !== 'rerun');
  const outline = detail === 'outline';
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
      ...(detail === 'whole' ? payloadOf : payloadReference)(record.value, `parked:${id}`),
    },
    category: failure.category,
    certainty: failure.certainty,
    code: clean(failure.code, 200),
    message: clean(failure.message, outline ? SHORT_MESSAGE : 4_000),
    attempts: outline ? attempts.slice(-FEW_ATTEMPTS).map(shortened) : attempts,
    firstAt: first,
    lastAt: last,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(envelope === undefined ? {} : { causationId: envelope.id }),
    ...withCause(causeOf(deadLetter)),
    ...(deadLetter.saga === undefined ? {} : { saga: boundedStep(deadLetter.saga) }),
  };
}

function shortened(attempt: Attempt): Attempt {
  return { ...attempt, message: clean(attempt.message, SHORT_MESSAGE) };
}

/** The instance comes from the event's data or key: of any length, and with any character. */
function boundedStep(step: FailedStep): FailedStep {
  return { ...step, instance: boundText(oneLine(step.instance), MAX_INSTANCE_BYTES) };
}
const MAX_INSTANCE_BYTES = 1024;

/** Failure events of an event at the hop limit must still get out, so they do not count beyond it. */
const MAX_HOPS = 32;

/** Correlation, causation and hops of what answers an event; what answers a failure points at the attempt that caused it. */
export function eventContextOf(
  event: Pick<Envelope, 'id' | 'type' | 'correlationId' | 'hops' | 'deadline' | 'attemptId'>,
): EventContext & { readonly correlationId: string; readonly causationId: string; readonly hops: number } {
  return {
    correlationId: event.correlationId ?? event.id,
    causationId: event.id,
    hops: event.hops + 1,
    ...(event.deadline === undefined ? {} : { deadline: event.deadline }),
    ...(event.type === FAILURE_TYPE ? withCause(event.attemptId) : {}),
  };
}

export function failureContextOf(deadLetter: DeadLetter): EventContext {
  const { envelope, saga } = deadLetter;
  const step = saga && boundedStep(saga);
  const of = step === undefined ? {} : { saga: `${step.name}/${step.version}/${step.instance}` };
  const cause = { ...withCause(causeOf(deadLetter)), ...of };
  if (envelope === undefined) return { hops: 1, ...cause };
  const { correlationId, causationId } = eventContextOf(envelope);
  return { correlationId, causationId, hops: Math.min(envelope.hops + 1, MAX_HOPS), ...cause };
}

/** The id of the attempt after which the event was given up. */
export function causeOf(deadLetter: DeadLetter): string | undefined {
  const last = deadLetter.attempts.at(-1);
  return last === undefined ? undefined : attemptId(deadLetter, last);
}

function withCause(attemptId: string | undefined): { readonly attemptId?: string } {
  return attemptId === undefined ? {} : { attemptId };
}
