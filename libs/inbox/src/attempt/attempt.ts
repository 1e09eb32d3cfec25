import type { Envelope } from '@convergekit/contracts';
import type { IncomingRecord } from '@convergekit/broker/engine';
import { deterministicUuid, type Failure } from '@convergekit/core';
import type { Wait } from '@convergekit/resilience/engine';
import type { NextAttempt } from './next-attempt.ts';
import { clean } from '../slice/record-text.ts';

/** What followed an attempt: the same words as in `converge.inbox_attempt`, metrics and spans. */
export const ATTEMPT_OUTCOMES = [
  'applied',
  'retry',
  'rerun',
  'pause',
  'park',
  'dead',
  'reject',
  'stop',
] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

/** What a handler was called for: an event, a failure event (to compensate), a saga's undo, an unknown outcome. */
export type AttemptPhase = 'apply' | 'undo' | 'failure' | 'resolve';

/** A failed attempt, carried until the transaction that settles its event writes it. */
export interface Attempt {
  /** From 1; a rerun keeps its number. */
  readonly number: number;
  readonly at: string;
  readonly durationMs: number;
  readonly category: Failure['category'];
  readonly certainty: Failure['certainty'];
  readonly code: string;
  readonly message: string;
  readonly outcome: Exclude<AttemptOutcome, 'applied'>;
  /** Before the next one. */
  readonly wait?: Wait;
  /** Of its span. */
  readonly traceparent?: string;
}

export interface AttemptEnd {
  readonly number: number;
  readonly startedMs: number;
  readonly durationMs: number;
  readonly next: NextAttempt;
  readonly traceparent?: string | undefined;
}

export function attemptOf(failure: Failure, end: AttemptEnd): Attempt {
  const { category, certainty, code, message } = failure;
  const { number, startedMs, durationMs, next, traceparent } = end;
  return {
    number,
    at: new Date(startedMs).toISOString(),
    durationMs: Math.max(0, Math.round(durationMs)),
    category,
    certainty,
    code: clean(code, 200),
    message: clean(message, 4_000),
    outcome: next.kind,
    ...('wait' in next ? { wait: next.wait } : {}),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

/** The number of the attempt that follows these: reruns and pauses are none. */
export function numberAfter(failed: readonly Pick<Attempt, 'number' | 'outcome'>[]): number {
  const last = failed.at(-1);
  if (last === undefined) return 1;
  return last.outcome === 'rerun' || last.outcome === 'pause' ? last.number : last.number + 1;
}

/** The event that was tried, and by whom. */
export interface TriedEvent {
  readonly consumer: string;
  readonly topicId: string | null;
  readonly record: IncomingRecord;
  readonly envelope: Envelope | undefined;
  readonly handler: string;
  readonly phase: AttemptPhase;
  /** Replays of the event by an operator count runs; the first one is 0. */
  readonly run: number;
  /** Of an event that a drain tries: since when it had stood in line. */
  readonly parkedAt?: string;
}

interface AttemptKey {
  readonly at: string;
  readonly number: number;
  readonly outcome: AttemptOutcome;
}

/** The same for every writer of the same attempt, so that a repeated transaction writes it once. */
export function attemptId(
  event: Omit<TriedEvent, 'envelope' | 'phase'>,
  { at, number, outcome }: AttemptKey,
): string {
  const { consumer, topicId, record, handler, run } = event;
  const place = [topicId ?? '', record.topic, record.partition, String(record.offset)];
  return deterministicUuid('attempt', consumer, ...place, handler, run, at, number, outcome);
}
