import type { DomainEvent, InferInput, InferOutput, StandardSchema } from '@convergekit/contracts';
import type { EmitAs } from '@convergekit/inbox/engine';
import type { Failure } from '@convergekit/core';
import type { Policy, SlowSchedule } from '@convergekit/resilience';
import type { Transaction } from 'kysely';
import type { WorkAttempt } from '../work/work.ts';

/**
 * idempotent   repeating the call changes nothing more
 * keyed        the other side drops repeats of the idempotency key, and answers them as it answered the first
 * none         it must not be repeated: an outcome that nobody knows is asked for, or waits for a person
 */
export type EffectIdempotency = 'idempotent' | 'keyed' | 'none';

export interface CallContext {
  /** Aborts at the end of the attempt's time. The outcome then counts as unknown, whatever comes later. */
  readonly signal: AbortSignal;
  /** When the signal aborts at the latest: send it along (`deadlineHeaders`). */
  readonly deadline: Date;
  /** From 1, within one run of the policy. */
  readonly attempt: number;
  /** The same for every attempt and every query of one intent. */
  readonly idempotencyKey: string;
}

/** What the other side says of a call that was made, or perhaps never came through. */
export type Found<Result> =
  | { readonly kind: 'applied'; readonly result: Result }
  | { readonly kind: 'rejected'; readonly reason: string; readonly code?: string }
  | { readonly kind: 'not_found' };

/** How an unknown outcome is resolved. Without it an outcome that cannot be repeated safely waits for a person. */
type Asked<Input, Result> =
  | { readonly query?: undefined; readonly settleMs?: undefined }
  | {
      /** Asks what became of the call. Repeated at will. */
      readonly query: (input: Input, context: CallContext) => Promise<Found<Result>>;
      /**
       * Milliseconds that the other side may take to make a call visible after it came in. "Not found" counts only
       * this long after the last moment at which the call may have been sent.
       */
      readonly settleMs: number;
    };

export type EffectOptions<In extends StandardSchema, Res extends StandardSchema> = Asked<
  InferOutput<In>,
  InferInput<Res>
> & {
  /** Stable and dotted, such as `payments.charge`: rows, policies and metrics carry it. */
  readonly name: string;
  /** What is stored as the intent. Its output must read back as it was written. */
  readonly input: In;
  /** What is stored as the result, under the same condition. */
  readonly result: Res;
  readonly idempotency: EffectIdempotency;
  /** What the other side knows the call by. @default the intent's own id, a uuid */
  readonly key?: (input: InferOutput<In>) => string;
  /**
   * One run of attempts; the worker comes again after it, on the slow schedule. @default the one of the effect's name in
   * the worker's policies, which configuration changes; one attempt for `none`
   */
  readonly policy?: Policy;
  /**
   * Waits between runs: fast, then slow, with jitter. A call that certainly took no effect is given up `withinMs` after
   * the intent; one whose outcome is unknown never is. @default the kit's, up to 10 minutes between runs, for ever
   */
  readonly schedule?: SlowSchedule;
  /** Calls at the same time, in one process. @default 8 */
  readonly concurrency?: number;
  /** Throws to fail: a BusinessRejection is the declared "no" and ends the effect as failed. */
  readonly call: (input: InferOutput<In>, context: CallContext) => Promise<InferInput<Res>>;
};

/** What an outcome's own transaction gives to the code that follows from it. */
export interface SettledContext<DB, Input> {
  /** The transaction that closes the intent: what is written through it happens once. */
  readonly tx: Transaction<DB>;
  /** Writes an event with that transaction; ids, causation and correlation follow from the event that asked. */
  readonly emit: (event: DomainEvent, as?: EmitAs) => void;
  readonly input: Input;
  readonly idempotencyKey: string;
  /** Key of the event that asked. */
  readonly key: string;
  /** What was tried, the latest last. */
  readonly attempts: readonly WorkAttempt[];
}

/** Why an effect failed. It certainly took no effect. */
export type EffectFailure = Pick<Failure, 'category' | 'certainty' | 'code' | 'message'>;

/** What follows from an outcome. An error thrown here rolls back and comes again, without a second call. */
export interface Reactions<DB, Input, Result> {
  readonly succeeded: (result: Result, context: SettledContext<DB, Input>) => Promise<void> | void;
  readonly failed: (failure: EffectFailure, context: SettledContext<DB, Input>) => Promise<void> | void;
}
