/**
 * Failures on two axes (category, certainty) and their handling, as plain data and pure decisions.
 * - `classify` gives every thrown value a category and a certainty; an outcome that cannot be known is `unknown`.
 * - A policy is validated data; no attempt starts after its deadline; delays are capped, then jittered.
 * - Clock, randomness and I/O are arguments.
 */
export { type Backoff, cappedMs, delayMs } from '@convergekit/core';
export { type BreakerOptions, CircuitBreaker } from './breaker.ts';
export { BREAKER_OPEN, type BreakerSettings, type BreakerState, defaultBreaker } from './breaker-state.ts';
export { Bulkhead, type BulkheadSettings } from './bulkhead.ts';
export { classifier, type ClassifierOptions, classify } from './classify.ts';
export { deadlineHeaders, DEADLINE_HEADER, leftMs, readDeadline } from './deadline.ts';
export { httpAnswer, type HttpAnswer } from './degraded.ts';
export { explain } from './explain.ts';

export {
  type Idempotency,
  operation,
  type Operation,
  type OperationContext,
  type OperationDefinition,
  type OperationGuards,
  type RecoveryPath,
  recoveryPaths,
} from './operation.ts';
export { type Admission, admitRules, type OfferedRule, type RefusedRule } from './policy-admit.ts';
export {
  type AppliedRule,
  type Policies,
  policyBook,
  PolicyBook,
  PolicyInvalid,
  type PolicyIssue,
} from './policy-book.ts';
export { type PolicyChange, policyChangeSchema } from './policy-change.ts';
export { type PolicyLayer, policyRulesSchema, type PolicyRules } from './policy-rules.ts';
export { policySchema } from './policy-schema.ts';
export { policyLayersOf, type SetValue } from './policy-settings.ts';
export { bound, defaultPolicy, type Objective, type Policy, type Unbounded } from './policy.ts';
export { type Attempting, type AttemptReport, ownedAttempt, retry, type RetryOptions } from './retry.ts';
export { type BudgetSettings, defaultBudget, RetryBudget } from './retry-budget.ts';
export { decideRetry, type GiveUpReason, type RetryDecision, type RetryQuestion } from './retry-decision.ts';
export { simulate, type SimulatedLoad, type Simulation } from './simulate.ts';
export { type Guarded, SharedGuards, type SharedGuardsOptions } from './shared-guards.ts';
export {
  defaultSlowSchedule,
  nextSlowAttempt,
  type SlowDecision,
  slowDelayMs,
  type SlowQuestion,
  type SlowSchedule,
} from './slow-schedule.ts';
export {
  countsAgainstBreaker,
  type Disposition,
  dispositionOf,
  type FailureKind,
  kindOf,
  type Retrying,
  retryingOf,
  strategies,
  type Strategy,
} from './strategy.ts';
export { TokenBucket, type TokenRate } from './token-bucket.ts';
export { type ClassifyRule, unclassified, type Verdict } from './verdict.ts';
export { type Wait, waitAfter, type WaitRule, WAIT_RULES } from './wait.ts';
