import { ConfigError } from '@convergekit/config';
import { DatabaseError } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { migrationsMissing } from '@convergekit/postgres/operate';
import { shellWord } from '@convergekit/core/engine';
import { ACTS } from '@convergekit/postgres/operate';
import { classify } from '@convergekit/resilience';
import { EXIT_USAGE, UsageError } from './errors.ts';

/** The failure of a command, for the shell. */
export interface Explanation {
  readonly message: string;
  readonly exitCode: number;
}

/** The acts that are listed after an answer was lost. */
const LISTED = 5;

/** `EX_CONFIG` of sysexits.h: only a change of settings helps, so a supervisor need not try again. */
const EXIT_CONFIGURATION = 78;

/** The command that failed, by its full name, and the things that it names. */
export interface Called {
  readonly name: string;
  readonly things: readonly string[];
}

/** Explains a failure in one sentence, with the exit code. The stack is shown only with LOG_LEVEL=debug. */
export function explain(error: unknown, called?: Called): Explanation {
  if (error instanceof UsageError) return { message: error.message, exitCode: EXIT_USAGE };
  if (!(error instanceof Error)) return { message: `unexpected failure: ${String(error)}`, exitCode: 1 };
  const lost = lostAnswer(error);
  if (lost !== undefined)
    return { message: called === undefined ? lost : `${lost}. ${nextAfterLost(called)}`, exitCode: 1 };
  // An error of the kit has a category, and may have an error of Postgres as its cause.
  const state = 'severity' in error && !('category' in error) ? sqlState(error) : undefined;
  if (state !== undefined) return explainSql(error, state);
  if (error instanceof ConfigError && error.issues.length === 1)
    return { message: error.message.replace(':\n- ', ': '), exitCode: EXIT_CONFIGURATION };
  if (isExplained(error)) return { message: error.message, exitCode: exitCodeOf(error) };
  return {
    message: `unexpected ${error.name}: ${firstLine(error.message)} (LOG_LEVEL=debug shows where)`,
    exitCode: 1,
  };
}

/** Says that Postgres may have done what it was asked for without an answer; undefined: it certainly has not. */
function lostAnswer(error: Error): string | undefined {
  if (error instanceof DatabaseError)
    return error.code === 'COMMIT_UNKNOWN'
      ? error.message.replace('; look before you repeat it.', '')
      : undefined;
  const { category, certainty } = classify(error);
  if ('category' in error || category !== 'network' || certainty !== 'unknown') return undefined;
  return `the connection was lost before an answer came: ${firstLine(error.message)}. It is not known whether a change was applied`;
}

/** Names the command that shows what was applied. What is no act of an operator changes nothing twice. */
function nextAfterLost({ name, things }: Called): string {
  if (!(name in ACTS)) return 'Type the command again: what it did is not done twice';
  const [thing] = things;
  const about = thing === undefined || things.length > 1 ? '' : ` --about ${shellWord(thing)}`;
  const line = `converge audit --act ${shellWord(name)}${about} --limit ${Math.max(LISTED, things.length)}`;
  return `\`${line}\` lists the act if it was applied`;
}

// The errors of the kit carry code and category, and their messages are written for people.
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
        message: `the database role lacks a right: ${text}; grant it (\`converge roles\` prints the SQL), or use another role`,
        exitCode: EXIT_CONFIGURATION,
      };
    case '0A000': // feature_not_supported
    case '25006': // read_only_sql_transaction
      if (classify(error).category !== 'service') break;
      return {
        message: `this server is a standby, which takes no writes: ${text}; give the address of the primary, or promote it`,
        exitCode: 1,
      };
  }
  return { message: `Postgres refused: ${text}`, exitCode: 1 };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
