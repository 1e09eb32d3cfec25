/** What went wrong, by the strategy that answers it (docs: failures have two axes). */
export type Category =
  'network' | 'throttle' | 'service' | 'contention' | 'data' | 'configuration' | 'business' | 'bug';

/** Whether the failed call took effect. `unknown` is the honest answer whenever a reply was lost. */
export type Certainty = 'not_applied' | 'applied' | 'unknown';

export const CATEGORIES: readonly Category[] = Object.freeze([
  'network',
  'throttle',
  'service',
  'contention',
  'data',
  'configuration',
  'business',
  'bug',
]);

export const CERTAINTIES: readonly Certainty[] = Object.freeze(['not_applied', 'applied', 'unknown']);

/** An error, classified. Plain data: it goes into parked rows, failure events and metrics. */
export interface Failure {
  readonly category: Category;
  readonly certainty: Certainty;
  /** Stable and of bounded number: a metric label. For example `ECONNRESET`, `40001`, `HTTP_429`. */
  readonly code: string;
  readonly message: string;
  /** It does not heal by waiting: somebody must change something (a migration is missing, a certificate expired). */
  readonly structural: boolean;
  /** What the other side asked for, milliseconds from now. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

export interface ConvergeErrorDetail {
  readonly code: string;
  readonly category: Category;
  readonly certainty: Certainty;
  /** @default false */
  readonly structural?: boolean;
  /** Milliseconds. @default none */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The error to throw when its two axes are known: `classify` takes them as they are. */
export class ConvergeError extends Error {
  readonly code: string;
  readonly category: Category;
  readonly certainty: Certainty;
  readonly structural: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, detail: ConvergeErrorDetail) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = new.target.name;
    this.code = detail.code;
    this.category = detail.category;
    this.certainty = detail.certainty;
    this.structural = detail.structural ?? false;
    this.retryAfterMs = detail.retryAfterMs;
  }
}

export interface BusinessRejectionDetail {
  /** @default 'REJECTED' */
  readonly code?: string;
  readonly cause?: unknown;
}

/** A declared "no" of the business (card declined, out of stock): never retried, answered by a failure event. */
export class BusinessRejection extends ConvergeError {
  constructor(message: string, { code = 'REJECTED', cause }: BusinessRejectionDetail = {}) {
    super(message, { code, category: 'business', certainty: 'not_applied', cause });
  }
}
