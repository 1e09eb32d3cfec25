/** Something that a person at the command line can mend. The message says what, why, and the next step. */
export class CliError extends Error {
  readonly code: string;
  readonly category: 'configuration' | 'service' | 'data';
  readonly certainty = 'not_applied';

  constructor(
    message: string,
    options: { readonly code: string; readonly category: CliError['category']; readonly cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.name = 'CliError';
    this.code = options.code;
    this.category = options.category;
  }
}

/** The database lacks the kit's tables, or some of them. */
export function migrationsMissing(names: readonly string[], cause?: unknown): CliError {
  const what =
    names.length === 0
      ? 'the tables of converge are missing'
      : `migrations are missing (${names.join(', ')})`;
  return new CliError(`${what} in this database: run \`converge migrate\` first`, {
    code: 'MIGRATIONS_MISSING',
    category: 'configuration',
    cause,
  });
}
