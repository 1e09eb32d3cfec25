import type { Backoff } from '@convergekit/core/engine';
import { type BreakerSettings, defaultBreaker } from './breaker-state.ts';
import { type BudgetSettings, defaultBudget } from './retry-budget.ts';

/** The explicit choice of no bound. It is part of the policy, so that a reviewer and `explain` see it. */
export type Unbounded = 'unbounded';

/** The retry rules of a call. Plain data: it passes through JSON, YAML and environment unchanged. */
export interface Policy {
  /** Total number of attempts, including the first. */
  readonly attempts: number | Unbounded;
  /** The waits between attempts. */
  readonly backoff: Backoff;
  /** Maximum duration of one attempt, in milliseconds. */
  readonly attemptTimeoutMs: number;
  /** Maximum total duration, including waits, in milliseconds. */
  readonly deadlineMs: number | Unbounded;
  /** What retries may cost, for all callers of the operation in the process. */
  readonly budget: BudgetSettings;
  /** Thresholds of the operation's circuit breaker. */
  readonly breaker: BreakerSettings;
  /** The service level objective that its attempts count for. @default none */
  readonly objective?: Objective;
  /** When events that a consumer's handler cannot apply are given up. Read for handlers only. @default `defaultGiveUp` */
  readonly giveUp?: GiveUpRules;
}

/**
 * The limits within which a consumer gives up events for a bug or a structural failure, and by number for refused data. Each event that is given up is
 * compensated by others, and a wrong deployment fails all of them.
 */
export interface GiveUpRules {
  /** The time over which such an event is tried at least, in milliseconds. 0: it is given up after its attempts in place. */
  readonly afterMs: number;
  /** The most such events, and events of refused data, that a consumer gives up in an hour; then it pauses, with the reason. */
  readonly perHour: number | Unbounded;
}

/** The default: tried over at least 15 minutes, and at most 5 events an hour. */
export const defaultGiveUp: GiveUpRules = Object.freeze({ afterMs: 900_000, perHour: 5 });

/** A service level objective. Attempts within the policy count as good, those after which it gives up as bad. */
export interface Objective {
  /** A metric label: `checkout`. Several policies may share it. */
  readonly name: string;
  /** The share of attempts that must be good, between 0 and 1, for example 0.999. */
  readonly target: number;
}

/**
 * The default: 3 attempts, base 50 ms doubling up to 20 s with full jitter, 10 s per attempt, 60 s in total.
 * @example
 * ```ts
 * import { defaultPolicy, type Policy } from 'convergekit';
 *
 * export const patient: Policy = { ...defaultPolicy, attempts: 5, deadlineMs: 120_000 };
 * ```
 */
export const defaultPolicy: Policy = Object.freeze({
  attempts: 3,
  backoff: Object.freeze({ baseMs: 50, factor: 2, capMs: 20_000 }),
  attemptTimeoutMs: 10_000,
  deadlineMs: 60_000,
  budget: defaultBudget,
  breaker: defaultBreaker,
});

/** Converts a bound to a number; unbounded is infinity. */
export function bound(value: number | Unbounded): number {
  return value === 'unbounded' ? Number.POSITIVE_INFINITY : value;
}

export function withOneAttempt(policy: Policy): Policy {
  return { ...policy, attempts: 1 };
}
