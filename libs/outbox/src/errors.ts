import { type Category, type Certainty, ConvergeError } from '@convergekit/core';

export type OutboxErrorCode =
  | 'TRANSACTION_ENDED'
  | 'NESTED_FAILED'
  | 'SAVEPOINT_ENDED'
  | 'SAVEPOINT_OPEN'
  | 'SAVEPOINT_BLOCKED'
  | 'FOREIGN_TRANSACTION'
  | 'NO_TRANSACTION'
  | 'EVENT_NOT_DECLARED'
  | 'EVENT_INVALID'
  | 'loop_suspected'
  | 'REQUEST_KEY_INVALID'
  | 'REQUEST_KEY_REUSED'
  | 'REQUEST_RESULT_INVALID'
  | 'EVENT_TOO_LARGE'
  | 'OUTBOX_FULL'
  | 'OUTBOX_LOCKED'
  | 'OUTBOX_NOT_MIGRATED'
  | 'COMMIT_UNKNOWN'
  | 'COMMIT_NOT_APPLIED'
  | 'SOURCE_MISSING'
  | 'OPTION_INVALID';

/** An error of the outbox. The message says what failed, why, and the next step. */
export class OutboxError extends ConvergeError {
  constructor(
    message: string,
    options: { code: OutboxErrorCode; category: Category; certainty?: Certainty; cause?: unknown },
  ) {
    super(message, { certainty: 'not_applied', ...options });
  }
}
