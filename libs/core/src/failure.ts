/**
 * The cause of a failure, out of eight. It selects the strategy that handles it (docs/failures.md: failures have two
 * axes).
 */
export type Category =
  'network' | 'throttle' | 'service' | 'contention' | 'data' | 'configuration' | 'business' | 'bug';

/** The certainty that the failed call took effect. It is `unknown` whenever the reply was lost. */
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

/** A classified error. It is plain data, for parked rows, failure events and metrics. */
export interface Failure {
  /** The kind of the failure, which decides about retries. */
  readonly category: Category;
  /** Whether the failed work took effect. */
  readonly certainty: Certainty;
  /** A stable code from a bounded set, used as a metric label. For example `ECONNRESET`, `40001`, `HTTP_429`. */
  readonly code: string;
  /** The message for logs and operators. It may have no secret. */
  readonly message: string;
  /** True when waiting does not resolve the failure: an operator must act, for example run a migration. */
  readonly structural: boolean;
  /** The delay that the other side requested, in milliseconds from now. Absent when it requested none. */
  readonly retryAfterMs?: number;
  /** The error that was classified; absent once the failure was stored. */
  readonly cause?: unknown;
}

export interface ConvergeErrorDetail {
  /** A stable code in capital letters, for logs and metrics: `BANK_SILENT`. */
  readonly code: string;
  /** The kind of the failure, which decides about retries. */
  readonly category: Category;
  /** Whether the failed work took effect. */
  readonly certainty: Certainty;
  /** True when only a change resolves it, such as a missing migration: it is not retried. @default false */
  readonly structural?: boolean;
  /** The delay that the other side requested, in milliseconds. @default none */
  readonly retryAfterMs?: number;
  /** The error behind it. @default none */
  readonly cause?: unknown;
}
/**
 * An error whose category and certainty are known. `classify` uses them as given.
 * @example
 * ```ts
 * import { ConvergeError } from 'convergekit';
 * import { bank } from './shop.ts';
 *
 * await bank.charge({ orderId: 'o-1', cents: 4_999 }, 'charge:o-1').catch((cause: unknown) => {
 *   throw new ConvergeError('the bank did not answer', {
 *     code: 'BANK_SILENT',
 *     category: 'service', // what to do about it
 *     certainty: 'unknown', // whether it took effect
 *     cause,
 *   });
 * });
 * ```
 */
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
  /** A stable code in capital letters for the failure event: `CARD_DECLINED`. @default 'REJECTED' */
  readonly code?: string;
  /** The error behind it. @default none */
  readonly cause?: unknown;
}

/**
 * An expected business refusal, such as a declined card. It is never retried; a failure event reports it.
 * @example
 * ```ts
 * import { BusinessRejection } from 'convergekit';
 *
 * export function requireCredit(cents: number, limit: number): void {
 *   if (cents > limit) throw new BusinessRejection('the order exceeds the credit of the customer');
 * }
 * ```
 */
export class BusinessRejection extends ConvergeError {
  constructor(message: string, { code = 'REJECTED', cause }: BusinessRejectionDetail = {}) {
    super(message, { code, category: 'business', certainty: 'not_applied', cause });
  }
}
