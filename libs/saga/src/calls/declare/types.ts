import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts/engine';
import type { Policy, SlowSchedule } from '@convergekit/resilience';
import type { Quota } from '../quota/quota.ts';

/**
 * The effect of repeating a call.
 * idempotent   a repeat changes nothing
 * keyed        the other side drops repeats of the idempotency key, and answers them as it answered the first
 * none         the call must not be repeated: an unknown outcome is queried, or waits for an operator
 */
export type CallIdempotency = 'idempotent' | 'keyed' | 'none';

export interface CallContext {
  /** Aborts at the end of the attempt's time. The outcome then counts as unknown, whatever comes later. */
  readonly signal: AbortSignal;
  /** The time at which the signal aborts at the latest. */
  readonly deadline: Date;
  /** The headers to send with the call: the trace of the attempt (`traceparent`) and its deadline (`ce_deadline`). */
  readonly headers: Readonly<Record<string, string>>;
  /** The number of the attempt, from 1, within one run of the policy. */
  readonly attempt: number;
  /** The key of the call, equal for all its attempts and queries. */
  readonly idempotencyKey: string;
}

/** The context of a `compensate` of a call: it has no `idempotencyKey`, since two keys are at hand and each has its own name. */
export interface CompensationContext extends Omit<CallContext, 'idempotencyKey'> {
  /** The key of the undo itself, equal for all its attempts: what is undone is named by `call.key`. */
  readonly undoKey: string;
}

/** The answer of the other side about a call: made, or never arrived. */
export type Found<Result> =
  | { readonly kind: 'applied'; readonly result: Result }
  | { readonly kind: 'rejected'; readonly reason: string; readonly code?: string }
  | { readonly kind: 'not_found' };

/**
 * The answer of a `compensate`; no answer means `done`.
 * noop_already       it had been undone before · noop_not_applied: there was nothing to undo
 * irreversible       it cannot be undone: an operator must act
 */
export type CompensationAnswer = 'done' | 'noop_already' | 'noop_not_applied' | 'irreversible';

/** The reason of an undo. */
export interface UndoReason {
  readonly code: string;
  readonly message: string;
}

/** The arguments of an undo. */
export interface Undoing<Input, Result> {
  /** The input with which the call was made. */
  readonly input: Input;
  /** The result, as the step or call returned it. */
  readonly result: Result;
  /** The reason why it is undone, for the other system's books. */
  readonly reason: UndoReason;
}

/** The arguments of the `compensate` of a call. */
export interface Compensation<Input, Result> extends Omit<Undoing<Input, Result>, 'result'> {
  /** The call that is undone, as the other system knows it. */
  readonly call: {
    /** The idempotency key with which the call was made: the other system finds the effect by it. */
    readonly key: string;
    /** The result. Undefined where an operator or a failure says that the call took effect, without its result. */
    readonly result: Result | undefined;
  };
}

export type UndoCall<In extends StandardSchema, Res extends StandardSchema> = (
  what: Compensation<InferOutput<In>, InferOutput<Res>>,
  context: CompensationContext,
) => Promise<CompensationAnswer> | Promise<void>;

export interface CallOptions<In extends StandardSchema, Res extends StandardSchema> {
  /** The schema of the stored intent. The output must read back unchanged. */
  readonly input: In;
  /** The schema of what is stored as the result, under the same condition. */
  readonly result: Res;
  /** The effect of a second call with the same input: it decides what a lost answer leads to. */
  readonly idempotency: CallIdempotency;
  /** The idempotency key. @default an id of the kit's, the same for every attempt */
  readonly key?: (input: InferOutput<In>) => string;
  /**
   * One run of attempts of the call, its query and its undo; the worker runs it again on the slow schedule. @default the policy
   * of the use's name in the worker's policies, which configuration changes; one attempt for `none`
   */
  readonly policy?: Policy;
  /**
   * Waits between runs: fast, then slow, with jitter. A call that certainly took no effect is given up `withinMs` after
   * the intent; one whose outcome is unknown never is. @default the kit's, up to 10 minutes between runs, for ever
   */
  readonly schedule?: SlowSchedule;
  /** The maximum of concurrent calls in one process. @default 8 */
  readonly concurrency?: number;
  /** The calls that the other system allows all processes of the database, queries and undos included. @default none */
  readonly quota?: Quota;
  /** Makes the call. A BusinessRejection is the declared "no"; every other error is classified. */
  readonly call: (input: InferOutput<In>, context: CallContext) => Promise<InferInput<Res>>;
  /**
   * Looks up the outcome of a call whose reply was lost, or whether an effect still exists. A query may be repeated.
   * @default none: an unknown outcome of a call that must not be repeated waits for an operator
   */
  readonly query?: (input: InferOutput<In>, context: CallContext) => Promise<Found<InferInput<Res>>>;
  /** The milliseconds until a call that was sent is visible to a query: then "not found" counts. @default 0 */
  readonly settleMs?: number;
}

/** The planned undo of a call, as a journal records it. */
export type PlannedUndo =
  { readonly kind: 'undo' } | { readonly kind: 'irreversible'; readonly reason: string };
