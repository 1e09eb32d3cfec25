/**
 * Failures on two axes (category, certainty) and their handling, as plain data and pure decisions.
 * - `classify` gives every thrown value a category and a certainty; an outcome that cannot be known is `unknown`.
 * - A policy is validated data; no attempt starts after its deadline; delays are capped, then jittered.
 * - Clock, randomness and I/O are arguments.
 */
export { classifier, classify } from './classify.ts';
export { deadlineHeaders, readDeadline } from './deadline.ts';
export { httpAnswer, type HttpAnswer } from './degraded.ts';
export {
  operation,
  type Operation,
  type OperationContext,
  type OperationDefinition,
  type OperationGuards,
} from './operation.ts';
export { policyBook, type PolicyBook } from './policy-book.ts';
export {
  type PolicyLayer,
  policyRulesSchema,
  type PolicyRules,
  policySettingsSchema,
} from './policy-rules.ts';
export { policyLayersOf } from './policy-settings.ts';
export { defaultPolicy, type Policy } from './policy.ts';
export { retry } from './retry.ts';
export { SharedGuards } from './shared-guards.ts';
export type { SlowSchedule } from './slow-schedule.ts';
export { strategies } from './strategy.ts';
