import { type Category, type Certainty, ConvergeError } from '@convergekit/core';

export type InboxErrorCode =
  | 'BATCH_UNDECODABLE'
  | 'CONSUMER_INVALID'
  | 'TOPIC_MISSING'
  | 'TOPIC_START_UNDECLARED'
  | 'INBOX_NOT_MIGRATED'
  | 'CONSUMER_STOPPED'
  | 'HANDLER_TIMEOUT'
  | 'HANDLER_ENDED'
  | 'ERROR_SWALLOWED'
  | 'FAILED_EVENT_NOT_INCLUDED'
  | 'FAILED_EVENT_UNREADABLE'
  | 'FOREIGN_ID_REUSED'
  | 'FAILURE_SOURCE'
  | 'RECORD_REJECTED'
  | 'RESUME_REFUSED'
  | 'REPLAY_REFUSED'
  | 'REPLAY_REPORTED'
  | 'SOURCES_CONTRADICT'
  | 'HANDLER_MISSING'
  | 'PARKED_BUSY'
  | 'PARKED_GONE'
  | 'PARKED_RECORD_GONE'
  | 'PARKED_REFUSED'
  | 'PARKED_REPORTED'
  | 'REPLACEMENT_INVALID'
  | 'REPLACEMENT_UNDECLARED';

/** An error of a consumer, with category and certainty. The message says what failed, why, and the next step. */
export class InboxError extends ConvergeError {
  declare readonly code: InboxErrorCode;

  constructor(
    code: InboxErrorCode,
    message: string,
    detail: { category?: Category; certainty?: Certainty; cause?: unknown } = {},
  ) {
    const { category = 'configuration', certainty = 'not_applied', cause } = detail;
    super(message, { code, category, certainty, cause });
  }
}
