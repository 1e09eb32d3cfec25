/**
 * Failures on two axes (category, certainty) and their handling, as plain data and pure decisions.
 * - `classify` gives every thrown value a category and a certainty; an outcome that cannot be known is `unknown`.
 * - A policy is validated data; no attempt starts after its deadline; delays are capped, then jittered.
 * - Clock, randomness and I/O are arguments.
 */
export { type BreakerOptions, CircuitBreaker } from './breaker.ts';
export { BREAKER_OPEN, type BreakerSettings, defaultBreaker } from './breaker-state.ts';
export { Bulkhead, type BulkheadSettings } from './bulkhead.ts';
export { classifier, type ClassifierOptions, classify } from './classify.ts';
export { deadlineHeaders, DEADLINE_HEADER, leftMs, readDeadline } from './deadline.ts';
export { httpAnswer, type HttpAnswer } from './degraded.ts';

export {
  type Idempotency,
  operation,
  type Operation,
  type OperationContext,
  type OperationDefinition,
  type OperationGuards,
} from './operation.ts';
export { type Policies, policyBook, PolicyBook, PolicyInvalid, type PolicyIssue } from './policy-book.ts';
export { type PolicyChange } from './policy-change.ts';
export { type PolicyLayer, policyRulesSchema, type PolicyRules } from './policy-rules.ts';
export { policyLayersOf } from './policy-settings.ts';
export { defaultPolicy, type Objective, type Policy, type Unbounded } from './policy.ts';
export { retry, type RetryOptions } from './retry.ts';
export { type BudgetSettings, defaultBudget, RetryBudget } from './retry-budget.ts';
export { SharedGuards, type SharedGuardsOptions } from './shared-guards.ts';
export { defaultSlowSchedule, type SlowSchedule } from './slow-schedule.ts';
export { strategies, type Strategy } from './strategy.ts';
export { TokenBucket, type TokenRate } from './token-bucket.ts';
