import type { Subscription } from '../define/subscription.ts';
import type { AttemptRow } from './attempt-sql.ts';
import { keyOf } from '../slice/record-text.ts';
import { type Attempt, attemptId, type AttemptPhase, numberAfter, type TriedEvent } from './attempt.ts';
import { envelopeOf, type Step } from '../plan/plan.ts';
import type { Partition } from '../slice/partition.ts';
import type { DeadLetter } from './dead-letter.ts';

/** A successful attempt. */
export interface Succeeded {
  readonly startedMs: number;
  readonly durationMs: number;
  readonly traceparent?: string | undefined;
}

/** Converts failed attempts, and the successful one after them, to rows. Pure. */
export function attemptRows(
  event: TriedEvent,
  failed: readonly Attempt[],
  succeeded?: Succeeded,
): readonly AttemptRow[] {
  const rows = failed.map((attempt) => failedRow(event, attempt));
  if (succeeded === undefined) return rows;
  const at = new Date(succeeded.startedMs).toISOString();
  const { durationMs } = succeeded;
  return [
    ...rows,
    {
      ...common(event, { at, number: numberAfter(failed), outcome: 'applied', durationMs }),
      ...withoutFailure,
      ...waitOf(undefined),
      traceparent: succeeded.traceparent ?? null,
    },
  ];
}

function phaseOf({ kind, phase }: Pick<Subscription<never>, 'kind' | 'phase'>): AttemptPhase {
  return phase ?? (kind === 'failure' ? 'failure' : 'apply');
}

const withoutFailure = { category: null, certainty: null, code: null, message: null } as const;

function failedRow(event: TriedEvent, attempt: Attempt): AttemptRow {
  const { category, certainty, code, message, wait, traceparent = null } = attempt;
  return { ...common(event, attempt), category, certainty, code, message, ...waitOf(wait), traceparent };
}

function common(
  event: TriedEvent,
  {
    at,
    number,
    outcome,
    durationMs,
  }: Pick<AttemptRow, 'number' | 'outcome'> & { at: string; durationMs: number },
) {
  const { consumer, record, envelope, handler, phase, run, parkedAt = null } = event;
  return {
    id: attemptId(event, { at, number, outcome }),
    consumer,
    handler,
    phase,
    event_id: envelope?.id ?? null,
    topic: record.topic,
    partition: record.partition,
    record_offset: `${record.offset}`,
    key: keyOf(record, envelope),
    run,
    number,
    started_at: at,
    duration_ms: Math.max(0, Math.round(durationMs)),
    outcome,
    parked_at: parkedAt,
    caused_by: phase === 'failure' || phase === 'undo' ? (envelope?.attemptId ?? null) : null,
  };
}

function waitOf(wait: Attempt['wait']) {
  return {
    wait_rule: wait?.rule ?? null,
    wait_ms: wait === undefined ? null : Math.round(wait.computedMs),
    wait_hint_ms: wait?.hintMs === undefined ? null : Math.round(wait.hintMs),
    wait_cap_ms: wait === undefined ? null : Math.round(wait.capMs),
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
    ...{ consumer, topicId, record: step.record, envelope, run: 0 },
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
  succeeded: Succeeded,
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
