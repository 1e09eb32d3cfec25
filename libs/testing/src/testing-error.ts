import { ConvergeError } from '@convergekit/core';

export type TestingErrorCode = 'TABLE_TOO_LARGE' | 'CONSUMER_STOPPED' | 'DELIVERY_HANGS' | 'NOT_MIGRATED';

/** A test cannot go on. The message says what is wrong and what to do about it. */
export class TestingError extends ConvergeError {
  constructor(code: TestingErrorCode, message: string, cause?: unknown) {
    super(message, { code, category: 'configuration', certainty: 'not_applied', cause });
  }
}
