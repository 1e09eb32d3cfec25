import { ConvergeError } from '@convergekit/core';

/** The exit code of a command line that must change. */
export const EXIT_USAGE = 2;

/** The command line must change. The command exits with 2; nothing was changed. */
export class UsageError extends ConvergeError {
  constructor(code: string, message: string) {
    super(message, { code, category: 'configuration', certainty: 'not_applied' });
  }
}

/** The settings must change. The command exits with 78. */
export function misconfigured(code: string, message: string, cause?: unknown): ConvergeError {
  return new ConvergeError(message, { code, category: 'configuration', certainty: 'not_applied', cause });
}

/**
 * Creates the error of a request that does not fit the present state. The command exits with 1; nothing was changed.
 */
export function refused(code: string, message: string, category: 'data' | 'service' = 'data'): ConvergeError {
  return new ConvergeError(message, { code, category, certainty: 'not_applied' });
}
