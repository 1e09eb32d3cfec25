export type TestingErrorCode = 'TABLE_TOO_LARGE' | 'CONSUMER_STOPPED' | 'DELIVERY_HANGS' | 'NOT_MIGRATED';

/** A test cannot go on. The message says what is wrong and what to do about it. */
export class TestingError extends Error {
  readonly code: TestingErrorCode;
  readonly category = 'configuration';
  readonly certainty = 'not_applied';

  constructor(code: TestingErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'TestingError';
    this.code = code;
  }
}
