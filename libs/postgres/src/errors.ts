import { type Category, type Certainty, ConvergeError } from '@convergekit/core';
import { fieldsOf, messageOf } from '@convergekit/core/engine';
import { classify } from '@convergekit/resilience';
import { explanations, place, settingOf, texts, tlsExplanation } from './connect-explanations.ts';
import type { DatabaseErrorCode, Target } from './error-code.ts';
import { endsStatementOnly } from './severity.ts';

export type { DatabaseErrorCode, Target };

/**
 * An error of the database or its connection. The message says what failed, why, and the next step.
 * Its certainty is `not_applied`, unless it says another.
 */
export class DatabaseError extends ConvergeError {
  constructor(
    message: string,
    options: { code: DatabaseErrorCode; category: Category; certainty?: Certainty; cause?: unknown },
  ) {
    super(message, { certainty: 'not_applied', ...options });
  }
}

/** Converts pg's connection error to a DatabaseError. Nothing was sent, so nothing was applied. */
export function connectError(cause: unknown, target: Target): DatabaseError {
  if (cause instanceof DatabaseError) return cause;
  const code = codeOf(cause) ?? texts.find(([pattern]) => pattern.test(causeText(cause)))?.[1];
  const known =
    (code === undefined ? undefined : explanations[code]) ?? tlsExplanation(code, causeText(cause));
  const message =
    known?.text(target, causeText(cause)) ??
    `cannot connect to Postgres at ${place(target)}, database "${target.database}": ${causeText(cause)}. Check ${settingOf(target)}.`;
  const category = known?.category ?? classify(cause).category;
  return new DatabaseError(message, {
    code: known?.code ?? 'DATABASE_CONNECT_FAILED',
    category,
    cause,
  });
}

const REFUSED: readonly DatabaseErrorCode[] = [
  'DATABASE_LOGIN_REFUSED',
  'DATABASE_TLS_FAILED',
  'DATABASE_MISSING',
  'DATABASE_CONNECT_FAILED',
];

/** True when Postgres was reached and refused the connection: nothing but its password, certificate, rights or name may have changed. */
export function isRefusedConnection(error: unknown): boolean {
  return error instanceof DatabaseError && REFUSED.some((code) => code === error.code);
}

/** The error of a caller that found as many others waiting for a connection as may wait. */
export function poolFullError(waiting: number, target: Target): DatabaseError {
  const message = `no connection to Postgres at ${place(target)} is free, and ${waiting} callers wait for one, as many as may wait. Try again later, raise \`max\`, or look for transactions that stay open.`;
  return new DatabaseError(message, {
    code: 'DATABASE_POOL_EXHAUSTED',
    category: 'service',
  });
}

/** The error of a caller that gave up before it had a connection; `cause` is the reason of its signal. */
export function callerGoneError(cause: unknown, target: Target): DatabaseError {
  const message = `the caller gave up before a connection to Postgres at ${place(target)} was free for it: nothing was begun.`;
  return new DatabaseError(message, {
    code: 'CALLER_GONE',
    category: 'network',
    cause,
  });
}

/**
 * Converts the error of a COMMIT by what is known of its outcome. A server error (a deferred constraint, a
 * serialization failure) is a definite rollback and is passed on. The outcome is unknown without an answer, or when the
 * server ends the session (it may wait for a standby with the commit already written).
 */
export function commitError(cause: unknown): unknown {
  const state = sqlState(cause);
  if (state !== undefined && endsStatementOnly(state, fieldsOf(cause)['severity'])) return cause;
  // A `DatabaseError` from Kysely: the server answered COMMIT with ROLLBACK, because an earlier error had aborted the
  // transaction.
  if (cause instanceof DatabaseError) return cause;
  if (cause instanceof Error && cause.name === 'AbortedTransactionError') return rolledBackError(cause);
  return new DatabaseError(
    `the connection was lost during COMMIT: ${causeText(cause)}. It is not known whether the transaction was applied; look before you repeat it.`,
    { code: 'COMMIT_UNKNOWN', category: 'network', certainty: 'unknown', cause },
  );
}

/** Creates the error of a COMMIT answered with ROLLBACK: an earlier error was caught and ignored. */
export function rolledBackError(cause?: unknown): DatabaseError {
  return new DatabaseError(
    'the transaction was rolled back at COMMIT, because a statement in it had failed and its error was ignored. Let the error pass, or wrap that statement in a savepoint.',
    { code: 'COMMIT_ROLLED_BACK', category: 'bug', cause },
  );
}

/** Creates the error of a statement that would end, or begin, a transaction of the kit. It was not sent. */
export function controlRefused(text: string, instead = 'use a savepoint of your own'): DatabaseError {
  return new DatabaseError(
    `${JSON.stringify(text.trim().slice(0, 40))} was not sent: this code runs in a transaction of the kit, which has more in it than what the code wrote. Throw an error to roll it back; to undo a part of it, ${instead}. An ORM is called without a transaction of its own.`,
    { code: 'TRANSACTION_REFUSED', category: 'bug' },
  );
}

/** Creates the error of a transaction that a statement of the application ended; `tag`: the server's answer to it. */
export function endedEarly(tag: string): DatabaseError {
  const wasCommitted = tag !== 'ROLLBACK';
  return new DatabaseError(
    `a statement of the application ended the transaction of the kit that it ran in (the server answered ${tag}): ${wasCommitted ? 'a part of the transaction is committed' : 'nothing of it was applied'}, and nothing more is written. Take the statement out; throw an error to roll back.`,
    {
      code: 'TRANSACTION_ENDED_EARLY',
      category: 'bug',
      certainty: wasCommitted ? 'unknown' : 'not_applied',
    },
  );
}

/** An error and its causes, outermost first. */
function* causesOf(error: unknown): Generator<unknown, undefined> {
  for (let at = error, depth = 0; at !== undefined && depth < 8; depth += 1) {
    yield at;
    at = fieldsOf(at)['cause'];
  }
}

/** Returns the five-character SQLSTATE of an error or of one of its causes. */
export function sqlState(error: unknown): string | undefined {
  for (const at of causesOf(error)) {
    const code = fieldsOf(at)['code'];
    // EPIPE has five letters as well; every SQLSTATE has a digit.
    if (typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code)) return code;
  }
  return undefined;
}

/**
 * True for the errors of a statement that the session kept: its tables were altered so that its result has other columns
 * (the server's text depends on its language, the routine does not), or the session has dropped it.
 */
export function isForgotten(error: unknown): boolean {
  for (const at of causesOf(error)) {
    const code = fieldsOf(at)['code'];
    if (code === '26000') return true;
    if (code === '0A000' && fieldsOf(at)['routine'] === 'RevalidateCachedQuery') return true;
  }
  return false;
}

/** True if the server had closed the session before the statement came (`idle_session_timeout`): it was not run. */
export function wasClosedIdle(error: unknown): boolean {
  return sqlState(error) === '57P05';
}

/** True for a duplicate in an index that REINDEX CONCURRENTLY makes or drops, which ON CONFLICT does not always prevent. */
export function isInRebuiltIndex(error: unknown): boolean {
  if (sqlState(error) !== '23505') return false;
  return [...causesOf(error)].some((at) => /_cc(new|old)\d*$/.test(String(fieldsOf(at)['constraint'])));
}

function codeOf(error: unknown): string | undefined {
  const code = fieldsOf(error)['code'];
  if (typeof code === 'string') return code;
  // Node reports "every address of this name failed" as an AggregateError, with a code of its own only since Node 20.
  const errors = fieldsOf(error)['errors'];
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : undefined;
}

function causeText(error: unknown): string {
  return messageOf(error) || String(codeOf(error) ?? error);
}
