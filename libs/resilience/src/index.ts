/**
 * Failures on two axes (category, certainty) and what to do about them, as plain data and pure decisions.
 * - `classify` gives every thrown thing a category and a certainty; an outcome that cannot be known is `unknown`.
 * - A policy is checked data; no attempt starts after its deadline; delays are capped, then jittered.
 * - No clock, no randomness and no I/O of its own: all are arguments.
 */
export { type Backoff, cappedMs, delayMs } from './backoff.ts';
export { classify } from './classify.ts';
export {
  BusinessRejection,
  type BusinessRejectionDetail,
  CATEGORIES,
  type Category,
  CERTAINTIES,
  type Certainty,
  ConvergeError,
  type ConvergeErrorDetail,
  type Failure,
} from './failure.ts';
export { defaultPolicy, type Policy, policySchema } from './policy.ts';
export { type AttemptReport, retry, type RetryClock, type RetryOptions } from './retry.ts';
export { decideRetry, type RetryDecision, type RetryQuestion } from './retry-decision.ts';
export { type ClassifyRule, unclassified, type Verdict } from './verdict.ts';
