/** Exports for other packages of the kit; applications do not need them. They may change in any version. */
export { BREAKER_OPEN, type BreakerSettings, type BreakerState } from './breaker-state.ts';
export { Bulkhead } from './bulkhead.ts';
export { bound } from './policy.ts';
export { type AttemptReport, calledInAttempt, ownedAttempt } from './retry.ts';
export { decideRetry, type RetryDecision } from './retry-decision.ts';
export { defaultGiveUp, type GiveUpRules } from './policy.ts';
export {
  defaultSlowSchedule,
  longestWaitMs,
  nextSlowAttempt,
  type SlowDecision,
  slowWait,
} from './slow-schedule.ts';
export { dispositionOf, type FailureKind, kindOf, retryingOf } from './strategy.ts';
export type { Wait, WaitRule } from './wait.ts';
export { type Admission, admitRules, type OfferedRule, type RefusedRule } from './policy-admit.ts';
export { DEADLINE_PASSED } from './deadline.ts';
export type { Policies } from './policy-book.ts';
export { isSpelled } from './policy-rules.ts';
export type { PolicyChange } from './policy-change.ts';
export type { RetryBudget } from './retry-budget.ts';
