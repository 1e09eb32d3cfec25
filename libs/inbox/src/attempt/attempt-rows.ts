import type { Subscription } from '../define/subscription.ts';
import { keyOf } from '../slice/record-text.ts';
import {
  type Attempt,
  type AttemptEnd,
  attemptId,
  type AttemptOutcome,
  type AttemptPhase,
  numberAfter,
  type TriedEvent,
} from './attempt.ts';
import { envelopeOf, type Step } from '../plan/plan.ts';
import type { Partition } from '../slice/partition.ts';
import type { DeadLetter } from './dead-letter.ts';

/** A row of `converge.inbox_attempt`; what is undefined is NULL. */
export type AttemptRow = ReturnType<typeof rowOf>;

/** Converts failed attempts, and the successful one after them, to rows. Pure. */
export function attemptRows(
  event: TriedEvent,
  failed: readonly Attempt[],
  succeeded?: AttemptEnd,
): readonly AttemptRow[] {
  const rows = failed.map((attempt) => rowOf(event, attempt));
  if (succeeded === undefined) return rows;
  const { startedMs, ...took } = succeeded;
  const at = new Date(startedMs).toISOString();
  return [...rows, rowOf(event, { ...took, at, number: numberAfter(failed), outcome: 'applied' })];
}

function phaseOf({ kind, phase }: Pick<Subscription<never>, 'kind' | 'phase'>): AttemptPhase {
  return phase ?? (kind === 'failure' ? 'failure' : 'apply');
}

/** An attempt that failed, or the one that succeeded. */
type Made = Pick<Attempt, 'at' | 'number' | 'durationMs'> &
  Partial<Pick<Attempt, 'category' | 'certainty' | 'code' | 'message' | 'wait'>> &
  Pick<AttemptEnd, 'traceparent'> & { readonly outcome: AttemptOutcome };

function rowOf(event: TriedEvent, attempt: Made) {
  const { consumer, record, envelope, handler, phase, run, parkedAt } = event;
  const { at, number, outcome, durationMs, category, certainty, code, message, wait, traceparent } = attempt;
  return {
    id: attemptId(event, attempt),
    consumer,
    handler,
    phase,
    run,
    number,
    outcome,
    category,
    certainty,
    code,
    message,
    traceparent,
    event_id: envelope?.id,
    topic: record.topic,
    partition: record.partition,
    record_offset: `${record.offset}`,
    key: keyOf(record, envelope),
    started_at: at,
    duration_ms: Math.max(0, Math.round(durationMs)),
    wait_rule: wait?.rule,
    wait_ms: wait && Math.round(wait.computedMs),
    wait_hint_ms: wait?.hintMs === undefined ? undefined : Math.round(wait.hintMs),
    wait_cap_ms: wait && Math.round(wait.capMs),
    parked_at: parkedAt,
    caused_by: phase === 'failure' || phase === 'undo' ? envelope?.attemptId : undefined,
  };
}

/** The event of a slice's step, for its attempts, its parked row and its failure event. Pure. */
export function triedStep<DB>(
  { key: { consumer }, standing: { topicId } }: Partition,
  step: Step<DB>,
): TriedEvent {
  const subscription = step.kind === 'handle' ? step.subscription : undefined;
  const envelope = envelopeOf(step);
  return {
    consumer,
    topicId,
    record: step.record,
    envelope,
    run: 0,
    handler: subscription?.handler ?? envelope?.type ?? 'unreadable',
    phase: subscription === undefined ? 'apply' : phaseOf(subscription),
  };
}

/**
 * The attempts of events that a slice applies: after an earlier failure, or of a compensation. A compensation's row
 * always names the attempt that caused it. A first attempt that succeeds has no row.
 */
export function appliedRows<DB>(
  partition: Partition,
  handled: readonly Step<DB>[],
  failed: readonly Attempt[],
  succeeded: AttemptEnd,
): readonly AttemptRow[] {
  return handled.flatMap((step) => {
    if (step.kind !== 'handle') return [];
    if (failed.length === 0 && phaseOf(step.subscription) === 'apply') return [];
    return attemptRows(triedStep(partition, step), failed, succeeded);
  });
}

/** The attempts of an event that stays undecided, since its consumer stops. */
export function stoppedRows<DB>(
  partition: Partition,
  steps: readonly Step<DB>[],
  failed: readonly Attempt[],
): readonly AttemptRow[] {
  const step = steps.find(({ kind }) => kind === 'handle');
  return step === undefined ? [] : attemptRows(triedStep(partition, step), failed);
}

/** The attempts of events that were given up or parked. */
export function deadLetterAttempts(deadLetters: readonly DeadLetter[]): readonly AttemptRow[] {
  return deadLetters.flatMap((deadLetter) => attemptRows(deadLetter, deadLetter.attempts));
}
