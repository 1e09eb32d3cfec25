import {
  boundText,
  type Envelope,
  type EventContext,
  type FailedStep,
  type FailureInput,
  formatPosition,
  KIT_TYPES,
} from '@convergekit/contracts/engine';
import type { IncomingRecord } from '@convergekit/broker/engine';
import { deterministicUuid } from '@convergekit/core/engine';
import type { Failure } from '@convergekit/core';
import { type Attempt, attemptId, type TriedEvent } from './attempt.ts';
import { clean, keyOf, oneLine, payloadOf } from '../slice/record-text.ts';

/** An event that does not take effect now, with the data of its parked row and failure event. */
export interface DeadLetter extends TriedEvent {
  /** The id of the parked row, derived from consumer and record: a repeated record makes no second row. */
  readonly id: string;
  readonly failure: Failure;
  /** The saga step that the event concerns. */
  readonly saga?: FailedStep | undefined;
  /** True without a position of a pinned source. */
  readonly foreign?: boolean;
  /** The attempts, at least one. */
  readonly attempts: readonly Attempt[];
}

/** The id of a parked row. `topicId` distinguishes a topic's offsets from those of a recreated one. */
export function parkedId(
  { topic, partition, offset }: IncomingRecord,
  consumer: string,
  topicId: string | null,
): string {
  return deterministicUuid('parked', consumer, topicId ?? '', topic, partition, String(offset));
}

/** The id of the failure event: each failed run has its own. */
export function failureEventId({ id, run, envelope, handler, consumer }: DeadLetter): string {
  return deterministicUuid(consumer, handler, 'failure', run, envelope?.id ?? id, 0);
}

/** The start of the first and of the last attempt. */
export function times(attempts: readonly Attempt[]): { readonly first: string; readonly last: string } {
  const sorted = attempts.map(({ at }) => at).toSorted();
  return { first: sorted[0] ?? '', last: sorted.at(-1) ?? '' };
}

/** The levels of detail of a failure event, most first. A level is used where the previous one is too large to emit. */
export const DETAILS = ['whole', 'reference', 'outline'] as const;
export type Detail = (typeof DETAILS)[number];

/** The bounds of an outline. */
const FEW_ATTEMPTS = 5;
const SHORT_MESSAGE = 200;

export function failureInput(deadLetter: DeadLetter, detail: Detail): FailureInput {
  const { id, consumer, record, envelope, handler, failure } = deadLetter;
  const { first, last } = times(deadLetter.attempts);
  const attempts = deadLetter.attempts.filter(({ outcome }) => outcome !== 'rerun');
  const outline = detail === 'outline';
  const shortened = (one: Attempt): Attempt => ({ ...one, message: clean(one.message, SHORT_MESSAGE) });
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
      ...payloadOf(record.value, `parked:${id}`, detail === 'whole'),
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

/** Bounds the saga instance, which comes from the event's data or key: any length, any character. */
function boundedStep(step: FailedStep): FailedStep {
  return { ...step, instance: boundText(oneLine(step.instance), MAX_INSTANCE_BYTES) };
}
const MAX_INSTANCE_BYTES = 1024;

/** The hop limit, which a failure event does not exceed: it must be emitted in any case. */
const MAX_HOPS = 32;

/** Builds the context that an emitted event inherits: correlation, causation, hops, and for a failure its attempt. */
export function eventContextOf(
  event: Pick<Envelope, 'id' | 'type' | 'correlationId' | 'hops' | 'deadline' | 'attemptId' | 'attemptTrace'>,
): EventContext & { readonly correlationId: string; readonly causationId: string; readonly hops: number } {
  return {
    correlationId: event.correlationId ?? event.id,
    causationId: event.id,
    hops: event.hops + 1,
    ...(event.deadline === undefined ? {} : { deadline: event.deadline }),
    ...(event.type === KIT_TYPES.failure ? withCause(event.attemptId, event.attemptTrace) : {}),
  };
}

export function failureContextOf(deadLetter: DeadLetter): EventContext {
  const { envelope, saga } = deadLetter;
  const step = saga && boundedStep(saga);
  const of = step === undefined ? {} : { saga: `${step.name}/${step.version}/${step.instance}` };
  const cause = { ...withCause(causeOf(deadLetter), deadLetter.attempts.at(-1)?.traceparent), ...of };
  if (envelope === undefined) return { hops: 1, ...cause };
  const { correlationId, causationId } = eventContextOf(envelope);
  return { correlationId, causationId, hops: Math.min(envelope.hops + 1, MAX_HOPS), ...cause };
}

/** The id of the last attempt before the event was given up. */
export function causeOf(deadLetter: DeadLetter): string | undefined {
  const last = deadLetter.attempts.at(-1);
  return last === undefined ? undefined : attemptId(deadLetter, last);
}

function withCause(
  attemptId: string | undefined,
  attemptTrace?: string,
): { readonly attemptId?: string; readonly attemptTrace?: string } {
  return {
    ...(attemptId === undefined ? {} : { attemptId }),
    ...(attemptTrace === undefined ? {} : { attemptTrace }),
  };
}
