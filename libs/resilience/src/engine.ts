/** What other packages of the kit build on and no application needs. It may change in any version. */
export { type BreakerState } from './breaker-state.ts';
export { bound } from './policy.ts';
export { type AttemptReport, ownedAttempt } from './retry.ts';
export { decideRetry, type RetryDecision } from './retry-decision.ts';
export { nextSlowAttempt, type SlowDecision, slowDelayMs } from './slow-schedule.ts';
export { dispositionOf, type FailureKind, kindOf, retryingOf } from './strategy.ts';
export { type Wait, type WaitRule, WAIT_RULES } from './wait.ts';
export { type Admission, admitRules, type OfferedRule, type RefusedRule } from './policy-admit.ts';
