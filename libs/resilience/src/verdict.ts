import type { Category, Certainty } from '@convergekit/core';

/** What a rule says of an error; what it leaves out is taken from the error or the defaults. */
export interface Verdict {
  readonly category: Category;
  readonly certainty: Certainty;
  readonly code: string;
  /** @default false */
  readonly structural?: boolean;
  /** Milliseconds. */
  readonly retryAfterMs?: number;
}

/** Looks at an error and gives a verdict, or undefined when the error is none of its business. Must not throw. */
export type ClassifyRule = (error: unknown) => Verdict | undefined;

/** What an error is that no rule knows: the application may declare another. */
export const unclassified: Verdict = Object.freeze({
  category: 'bug',
  certainty: 'unknown',
  code: 'UNCLASSIFIED',
});
