import type { Envelope } from '@convergekit/contracts/engine';
import type { IncomingRecord } from '@convergekit/broker/engine';
import { deterministicUuid } from '@convergekit/core/engine';
import type { Failure } from '@convergekit/core';
import type { Wait } from '@convergekit/resilience/engine';
import type { NextAttempt } from './next-attempt.ts';
import { clean } from '../slice/record-text.ts';

/** The outcomes of an attempt: the same words as in `converge.inbox_attempt`, metrics and spans. */
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

/** The purpose of a call: an event, a failure event (compensation), a saga's undo, or an unknown outcome. */
export type AttemptPhase = 'apply' | 'undo' | 'failure' | 'resolve';

/** A failed attempt, kept in memory until the transaction that decides its event records it. */
export interface Attempt {
  /** The number of the attempt, from 1; a rerun keeps its number. */
  readonly number: number;
  readonly at: string;
  readonly durationMs: number;
  readonly category: Failure['category'];
  readonly certainty: Failure['certainty'];
  readonly code: string;
  readonly message: string;
  readonly outcome: Exclude<AttemptOutcome, 'applied'>;
  readonly wait?: Wait;
  readonly traceparent?: string;
}

/** The end of an attempt: when it began, and how long it took. */
export interface AttemptEnd {
  readonly startedMs: number;
  readonly durationMs: number;
  readonly traceparent?: string | undefined;
}

/** Makes the record of a failed attempt, and of what follows. */
export function attemptOf(
  failure: Failure,
  end: AttemptEnd & { readonly number: number; readonly next: NextAttempt },
): Attempt {
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

/** The number of the attempt after these: reruns and pauses do not count. */
export function numberAfter(failed: readonly Pick<Attempt, 'number' | 'outcome'>[]): number {
  const last = failed.at(-1);
  if (last === undefined) return 1;
  return last.outcome === 'rerun' || last.outcome === 'pause' ? last.number : last.number + 1;
}

export interface TriedEvent {
  readonly consumer: string;
  readonly topicId: string | null;
  readonly record: IncomingRecord;
  readonly envelope: Envelope | undefined;
  readonly handler: string;
  readonly phase: AttemptPhase;
  /** Counts the retries by an operator; the first run is 0. */
  readonly run: number;
  /** The time when the event was parked, for an event that a drain processes. */
  readonly parkedAt?: string;
}

/** Derives the id of an attempt, equal for every writer: a repeated transaction records it once. */
export function attemptId(
  event: Omit<TriedEvent, 'envelope' | 'phase'>,
  { at, number, outcome }: Pick<Attempt, 'at' | 'number'> & { readonly outcome: AttemptOutcome },
): string {
  const { consumer, topicId, record, handler, run } = event;
  const place = [topicId ?? '', record.topic, record.partition, String(record.offset)];
  return deterministicUuid('attempt', consumer, ...place, handler, run, at, number, outcome);
}
