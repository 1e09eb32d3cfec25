import type { Failure } from '@convergekit/core';
import type { SliceContext } from '../slice/context.ts';
import { type FailedRecord, report } from '../slice/report.ts';
import type { Fault } from '../slice/fault.ts';
import { type Attempt, attemptOf, numberAfter } from './attempt.ts';
import type { NextAttempt } from './next-attempt.ts';
import { attemptSpan } from './spans.ts';

/** An event with the attempts at it that failed before. */
interface Tried {
  readonly handler: string;
  readonly failed: readonly Attempt[];
  /** The record, as the log line of a failure describes it. */
  readonly record: FailedRecord;
}

/** One attempt at an event: its number from 1, attempts in place included, and the trace context of its span. */
export interface Try {
  readonly number: number;
  readonly traceparent: string | undefined;
}

/** An attempt that failed by fault of its event, and what follows. */
export interface FailedTry<Next> {
  readonly kind: 'failed';
  readonly failure: Failure;
  /** The handler that failed; undefined: the commit did. */
  readonly by: string | undefined;
  readonly next: Next;
  readonly attempt: Attempt;
}

/** The result of an attempt: its effects are committed, or something is at fault. */
type Outcome = { readonly kind: 'committed'; readonly parked?: boolean } | Fault;

/** Makes one attempt at an event, in a span. `decide` says what follows a failure, which `attemptAs` records. */
export async function tryEvent<DB, Result extends Outcome, Next extends NextAttempt>(
  context: SliceContext<DB>,
  { handler, failed, record }: Tried,
  apply: (one: Try) => Promise<Result>,
  decide: (failure: Failure, attemptAs: (next: NextAttempt) => Attempt) => Next | Promise<Next>,
): Promise<Exclude<Result, { kind: 'events' }> | FailedTry<Next>> {
  const { clock } = context;
  const number = numberAfter(failed);
  const span = attemptSpan(handler, number);
  const { traceparent } = span;
  const began = { startedMs: clock.now(), monotonic: clock.monotonic() };
  const outcome = await span.run(() => apply({ number, traceparent }));
  if (!isFailed(outcome)) {
    span.end(spanOutcome(outcome));
    return outcome as Exclude<Result, { kind: 'events' }>;
  }
  const { failure, handler: by } = outcome;
  const { startedMs } = began;
  const durationMs = clock.monotonic() - began.monotonic;
  const attemptAs = (next: NextAttempt): Attempt =>
    attemptOf(failure, { number, startedMs, durationMs, next, traceparent });
  const next = await decide(failure, attemptAs);
  const attempt = attemptAs(next);
  span.end(attempt.outcome, attempt);
  report.attempt(context, record, handler, failure, attempt);
  return { kind: 'failed', failure, by, next, attempt };
}

/** An event whose key is parked was queued behind it, not handled. */
function spanOutcome(outcome: Outcome): string {
  if (outcome.kind !== 'committed') return outcome.kind;
  return outcome.parked === true ? 'park' : 'applied';
}

function isFailed(outcome: Outcome): outcome is Extract<Fault, { kind: 'events' }> {
  return outcome.kind === 'events';
}

/** The failure with certainty `unknown` if any of its attempts had an unknown outcome. */
export function worst(failure: Failure, attempts: readonly Attempt[]): Failure {
  return attempts.some(({ certainty }) => certainty === 'unknown')
    ? { ...failure, certainty: 'unknown' }
    : failure;
}
