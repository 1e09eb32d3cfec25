import type { Failure } from '@convergekit/core';
import type { WorkOp } from './step-key.ts';
import { BREAKER_OPEN, type Wait, type WaitRule } from '@convergekit/resilience/engine';

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

/** The states in which a worker may claim a row. */
export type OpenState = Extract<WorkState, 'ready' | 'calling' | 'unknown' | 'answered'>;

/**
 * outcome_unknown   it may have taken effect; it cannot be repeated, and no query can say so
 * result_lost       it took effect, and its result cannot be read
 * input_unreadable  no process that took it for a while understands the intent
 * record_swept      its undo was asked for after the record of its step had left
 */
export type StuckReason = 'outcome_unknown' | 'result_lost' | 'input_unreadable' | 'record_swept';

/** The event that asked: what a call emits continues its context. */
export interface Cause {
  readonly eventId: string;
  readonly correlationId: string;
  readonly hops: number;
  readonly deadline?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  /** The saga of the emitted events, as `name/version/instance`. */
  readonly saga?: string;
  /** The attempt that made the work necessary. */
  readonly attemptId?: string | undefined;
  /** The `traceparent` of that attempt. */
  readonly attemptTrace?: string | undefined;
}

/** An outcome that will not change any more. */
export type Outcome =
  | { readonly kind: 'succeeded'; readonly result: string }
  | { readonly kind: 'failed'; readonly failure: StoredFailure };

/** The code of an accepted effect that cannot be undone: the undo ends, and the effect stays. */
export const EFFECT_STAYS = 'EFFECT_STAYS';

export type StoredFailure = Pick<Failure, 'category' | 'certainty' | 'code' | 'message'>;

/** The failure of a call that is not made, since its step is to be undone. It says nothing about a call before it. */
export const COVERED: StoredFailure = Object.freeze({
  category: 'business',
  certainty: 'not_applied',
  code: 'COVERED',
  message: 'it was to be undone before its call was made',
});

/** The operations of a worker on a claimed row. */
export type Op = 'call' | 'query' | 'settle';

/** The wait of a row. `not_final`: the call may still become visible · `quota`: it has no call until then */
export type WorkWait = Omit<Wait, 'rule'> & { readonly rule: WaitRule | 'not_final' | 'quota' };

/** A stored attempt; the wait is the one after it, absent where there was none. */
export interface WorkAttempt {
  readonly at: string;
  readonly op: Op;
  readonly durationMs: number;
  /** The failure of the attempt; absent when it succeeded. */
  readonly failure?: StoredFailure;
  readonly found?: 'applied' | 'rejected' | 'not_found';
  readonly wait?: WorkWait;
}

/** Pure: true when a breaker refused the call: nothing was attempted, and the entry says what is waited for. */
export function isRefused({ failure }: Pick<WorkAttempt, 'failure'>): boolean {
  return failure?.code === BREAKER_OPEN;
}

/** Pure: the attempts after further ones. Refusals one after the other are one wait, which began with the first. */
export function continueStory(
  story: readonly WorkAttempt[],
  attempts: readonly WorkAttempt[],
): readonly WorkAttempt[] {
  return attempts.reduce((all, one) => {
    const last = all.at(-1);
    const waits = last !== undefined && isRefused(last) && isRefused(one) && last.op === one.op;
    return waits ? [...all.slice(0, -1), { ...one, at: last.at }] : [...all, one];
  }, story);
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

/** The number of attempts that the journal keeps of a work that ended. */
const KEPT = 20;

/** Work that ended, as the journal of its step keeps it. */
export interface EndedWork {
  /** The time of the request, in the text form of the database. */
  readonly at: string;
  readonly op: WorkOp | null;
  /** The id of the event that asked. */
  readonly event: string;
  readonly state: 'done' | 'failed';
  readonly failedCalls: number;
  /** The last attempts and acts of operators. */
  readonly story: readonly (WorkAttempt | OperatorAct)[];
}

/** Pure: what is known of a work when it ends, after `calls` more calls. */
export function endedWork(
  { createdAt: at, op, cause, attempts }: ClaimedWork,
  { kind }: Outcome,
  calls: number,
  story: EndedWork['story'],
): EndedWork {
  const [state, sound] = kind === 'succeeded' ? (['done', 1] as const) : (['failed', 0] as const);
  const failedCalls = Math.max(0, attempts + calls - sound);
  return { at, op, event: cause.eventId, state, failedCalls, story: story.slice(-KEPT) };
}

/** A row that a worker has claimed. */
export interface ClaimedWork {
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly call: string;
  /** The operation of a saga's step; null: it is none. */
  readonly op: WorkOp | null;
  readonly key: string;
  readonly idempotencyKey: string;
  readonly input: string;
  readonly cause: Cause;
  /** The time of the request, in the text form of the database. */
  readonly createdAt: string;
  /** The state in which the row was found. */
  readonly found: OpenState;
  readonly outcome: Outcome | undefined;
  readonly term: string;
  readonly attempts: number;
  readonly queries: number;
  readonly ageMs: number;
  /**
   * The time until "not found" is final, in milliseconds, by the database's clock at the claim; not positive = final.
   */
  readonly finalInMs: number;
  /** True when an earlier call may have taken effect or still may: no final query has denied it. */
  readonly doubt: boolean;
  /** The time in which a call becomes visible or has failed for certain, from its claim on, in milliseconds. */
  readonly finalMs: number;
  /** The value of `final_at` before this claim. */
  readonly doubtUntil: string | null;
  readonly story: readonly WorkAttempt[];
  /** True for the call of a saga's step that was to be undone at the claim: a first call must not be made. */
  readonly covered: boolean;
}
