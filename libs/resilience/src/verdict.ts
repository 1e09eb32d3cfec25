import type { Category, Certainty } from '@convergekit/core';

/** A rule's classification of an error. Missing fields come from the error or the defaults. */
export interface Verdict {
  /** The kind of the failure, which decides about retries. */
  readonly category: Category;
  /** Whether the failed work took effect. */
  readonly certainty: Certainty;
  /** A stable code from a bounded set, for metrics. */
  readonly code: string;
  /** True when waiting does not resolve it, and an operator must act. @default false */
  readonly structural?: boolean;
  /** The delay that the other side requested, in milliseconds. @default none */
  readonly retryAfterMs?: number;
}

/** Classifies an error, or returns undefined for an error that it does not know. It must not throw. */
export type ClassifyRule = (error: unknown) => Verdict | undefined;

/** The default verdict for an error that no rule matches. */
export const unclassified: Verdict = Object.freeze({
  category: 'bug',
  certainty: 'unknown',
  code: 'UNCLASSIFIED',
});
