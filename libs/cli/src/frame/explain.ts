import { ConfigError } from '@convergekit/config';
import { CommanderError } from 'commander';
import { migrationsMissing } from './cli-error.ts';

/** How a command ended badly, for the shell. */
export interface Explanation {
  readonly message: string;
  readonly exitCode: number;
}

/** `EX_CONFIG` of sysexits.h: nothing but a change of configuration will help, so a supervisor need not try again. */
export const EXIT_CONFIGURATION = 78;

/** One clear sentence for whatever went wrong, and the exit code. The stack stays away unless LOG_LEVEL=debug. */
export function explain(error: unknown): Explanation {
  if (error instanceof CommanderError) return usage(error);
  const state = sqlState(error);
  if (state !== undefined) return explainSql(error as Error, state);
  if (!(error instanceof Error)) return { message: `unexpected failure: ${String(error)}`, exitCode: 1 };
  if (error instanceof ConfigError && error.issues.length === 1)
    return { message: error.message.replace(':\n- ', ': '), exitCode: EXIT_CONFIGURATION };
  if (isExplained(error)) return { message: error.message, exitCode: exitCodeOf(error) };
  return {
    message: `unexpected ${error.name}: ${firstLine(error.message)} (LOG_LEVEL=debug shows where)`,
    exitCode: 1,
  };
}

function usage(error: CommanderError): Explanation {
  // Help and version end by an "error", with what they have to say printed already.
  if (error.exitCode === 0 || error.code === 'commander.help')
    return { message: '', exitCode: error.exitCode };
  const message = error.message.replace(/^error: /, '').replace(/\n/g, ' ');
  return { message: `${message}; see \`converge --help\``, exitCode: 1 };
}

// The kit's own errors carry code and category, and their messages are written for people.
function isExplained(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && 'category' in error;
}

function exitCodeOf(error: Error): number {
  return 'category' in error && error.category === 'configuration' ? EXIT_CONFIGURATION : 1;
}

function explainSql(error: Error, state: string): Explanation {
  const text = `${firstLine(error.message)} (SQLSTATE ${state})`;
  switch (state) {
    case '3F000': // invalid_schema_name
    case '42P01': // undefined_table
    case '42883': // undefined_function
      return /converge\b/.test(error.message)
        ? { message: migrationsMissing([]).message, exitCode: EXIT_CONFIGURATION }
        : { message: text, exitCode: 1 };
    case '42501': // insufficient_privilege
      return {
        message: `the database role may not do this: ${text}; grant it, or use another role`,
        exitCode: EXIT_CONFIGURATION,
      };
    default:
      return { message: `Postgres refused: ${text}`, exitCode: 1 };
  }
}

function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || 'category' in error || !('code' in error) || !('severity' in error))
    return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
