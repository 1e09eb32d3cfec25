import { ConvergeError } from '@convergekit/core';

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

/** The database lacks the tables of the kit, or some of them. */
export function migrationsMissing(names: readonly string[]): ConvergeError {
  const what =
    names.length === 0
      ? 'the tables of converge are missing'
      : `migrations are missing (${names.join(', ')})`;
  return misconfigured('MIGRATIONS_MISSING', `${what} in this database: run \`converge migrate\` first`);
}
