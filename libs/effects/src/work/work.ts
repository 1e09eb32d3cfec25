import type { Failure } from '@convergekit/core';
import type { Wait, WaitRule } from '@convergekit/resilience/engine';

/**
 * ready     no call was made, or the last one certainly took no effect
 * calling   a worker holds it, and a call may be on its way
 * unknown   a call was made, and it is not known whether it took effect
 * answered  the outcome is stored, what follows from it is not committed yet
 * done, failed   the outcome, recorded · stuck   it waits for an operator, with a reason
 */
export type WorkState = 'ready' | 'calling' | 'unknown' | 'answered' | 'done' | 'failed' | 'stuck';
export const WORK_STATES: readonly WorkState[] = Object.freeze([
  'ready',
  'calling',
  'unknown',
  'answered',
  'done',
  'failed',
  'stuck',
]);

/** What a worker may claim. */
export type OpenState = Extract<WorkState, 'ready' | 'calling' | 'unknown' | 'answered'>;

/**
 * outcome_unknown   it may have taken effect; it cannot be repeated, and no query can say so
 * result_lost       it took effect, and its result cannot be read
 * input_unreadable  no process that took it for a while understands the intent
 * record_swept      its undo was asked for after the record of its step had left
 * operator          an operator stopped it
 */
export type StuckReason =
  'outcome_unknown' | 'result_lost' | 'input_unreadable' | 'operator' | 'record_swept';

/** The event that asked: what an effect emits continues its context. */
export interface Cause {
  readonly eventId: string;
  readonly correlationId: string;
  readonly hops: number;
  readonly deadline?: string;
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** The saga that what it emits belongs to, as `name/version/instance`. */
  readonly saga?: string;
  /** The attempt that made it necessary. */
  readonly attemptId?: string;
}

/** An outcome that will not change any more. */
export type Outcome =
  | { readonly kind: 'succeeded'; readonly result: string }
  | { readonly kind: 'failed'; readonly failure: StoredFailure };

/** The code by which an operator accepts an effect that cannot be undone: its undo is over, and the effect stays. */
export const EFFECT_STAYS = 'EFFECT_STAYS';

export type StoredFailure = Pick<Failure, 'category' | 'certainty' | 'code' | 'message'>;

/** What a worker does with a row that it has claimed. */
export type Op = 'call' | 'query' | 'settle';

/** Why and how long a row waits. `not_final`: the call that was not found may still become visible. */
export type WorkWait = Omit<Wait, 'rule'> & { readonly rule: WaitRule | 'not_final' };

/** One attempt as it is stored and shown; the wait is what came after it, absent where nothing did. */
export interface WorkAttempt {
  readonly at: string;
  readonly op: Op;
  readonly durationMs: number;
  /** Absent when it succeeded. */
  readonly failure?: StoredFailure;
  readonly found?: 'applied' | 'rejected' | 'not_found';
  readonly wait?: WorkWait;
}

/** An act of an operator, as it is stored among the attempts. */
export interface OperatorAct {
  readonly at: string;
  readonly op: 'operator';
  readonly did: 'retry' | 'resolve';
  readonly by: string;
  readonly note: string;
}

/** The failure that an operator states: `code` says why, `note` is the evidence. */
export function statedFailure(
  code: string,
  note: string,
  certainty: 'applied' | 'not_applied' = 'not_applied',
): StoredFailure {
  return { category: 'business', certainty, code, message: note };
}

/** Pure: the operator that resolved the work, and the note; undefined when the worker did. */
export function resolvedBy(
  attempts: readonly (WorkAttempt | OperatorAct)[],
): { readonly actor: string; readonly note: string } | undefined {
  const act = attempts.findLast((one) => one.op === 'operator' && one.did === 'resolve');
  return act?.op === 'operator' ? { actor: act.by, note: act.note } : undefined;
}

/** A row that a worker has claimed. */
export interface ClaimedWork {
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly effect: string;
  readonly key: string;
  readonly idempotencyKey: string;
  readonly input: string;
  readonly cause: Cause;
  /** The state in which it was found. */
  readonly found: OpenState;
  readonly outcome: Outcome | undefined;
  readonly term: string;
  readonly attempts: number;
  readonly queries: number;
  readonly ageMs: number;
  /** Milliseconds until "not found" is final, by the database's clock at the claim; not positive = it is. */
  readonly finalInMs: number;
  /** A call before this claim may have taken effect or may still: no query that was final has denied it yet. */
  readonly doubt: boolean;
  /** `final_at` as it was before this claim. */
  readonly doubtUntil: string | null;
  readonly story: readonly WorkAttempt[];
}
