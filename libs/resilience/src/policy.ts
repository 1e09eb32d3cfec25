import type { Backoff } from './backoff.ts';
import { type BreakerSettings, defaultBreaker } from './breaker-state.ts';
import { type BudgetSettings, defaultBudget } from './retry-budget.ts';

/** The named opt-in to have no bound. It stands in the policy itself, so that a reviewer and `explain` see it. */
export type Unbounded = 'unbounded';

/** How a call is retried, as plain data: it travels through JSON, YAML and environment unchanged. */
export interface Policy {
  /** Attempts in all, the first one included. */
  readonly attempts: number | Unbounded;
  readonly backoff: Backoff;
  /** Longest time of one attempt, milliseconds. */
  readonly attemptTimeoutMs: number;
  /** Longest time of the whole, waits included, milliseconds. */
  readonly deadlineMs: number | Unbounded;
  /** What retries of the dependency may cost; shared by all its operations in the process. */
  readonly budget: BudgetSettings;
  /** When the operation's breaker opens and closes. */
  readonly breaker: BreakerSettings;
  /** What is promised of its attempts; they are counted under its name. @default none */
  readonly objective?: Objective;
}

/** An SLO: attempts inside the policy's budget count good, those after which it gives up count bad. */
export interface Objective {
  /** A metric label: `checkout`. Several policies may share one. */
  readonly name: string;
  /** The share of attempts that must be good, above 0 and below 1: 0.999. */
  readonly target: number;
}

/** 3 attempts, base 50 ms doubling up to 20 s with full jitter, 10 s an attempt, 60 s in all. */
export const defaultPolicy: Policy = Object.freeze({
  attempts: 3,
  backoff: Object.freeze({ baseMs: 50, factor: 2, capMs: 20_000 }),
  attemptTimeoutMs: 10_000,
  deadlineMs: 60_000,
  budget: defaultBudget,
  breaker: defaultBreaker,
});

/** A bound as a number. */
export function bound(value: number | Unbounded): number {
  return value === 'unbounded' ? Number.POSITIVE_INFINITY : value;
}
