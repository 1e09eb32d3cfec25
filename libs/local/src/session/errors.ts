import { BrokerError, type BrokerErrorDetail } from '@convergekit/broker/engine';
import { messageOf } from '@convergekit/core/engine';
import { sqlState } from '@convergekit/postgres/engine';
import { DatabaseError, type DatabaseErrorCode } from '@convergekit/postgres';
import { classify, strategies } from '@convergekit/resilience';

type Meaning = Pick<BrokerErrorDetail, 'code' | 'kind'> & { readonly next: string };

const UNREACHABLE = { code: 'BROKER_UNREACHABLE', kind: 'retry', next: 'it is retried' } as const;
const REFUSED = {
  code: 'NOT_AUTHORIZED',
  kind: 'configuration',
  next: 'grant the role the rights that docs/guides/local-mode.md lists, or correct the URL',
} as const;
const STANDBY = {
  code: 'NOT_LEADER',
  kind: 'retry',
  next: 'that server is a standby; it is retried until the primary answers',
} as const;
const MISSING = {
  code: 'LOCAL_LOG_MISSING',
  kind: 'configuration',
  next: 'run `converge migrate` with CONVERGE__BROKER=local as a role that may create a schema',
} as const;

/** Connecting: nothing was sent. */
const ofConnecting: Readonly<Partial<Record<DatabaseErrorCode, Meaning>>> = {
  DATABASE_LOGIN_REFUSED: { ...REFUSED, code: 'NOT_AUTHENTICATED' },
  DATABASE_MISSING: REFUSED,
};

/** Answers of the server, by SQLSTATE. */
const ofState: Readonly<Record<string, Meaning>> = {
  '42501': REFUSED,
  '3F000': MISSING,
  '42P01': MISSING,
  '42883': MISSING,
  // The name will lead to the primary again.
  '25006': STANDBY,
  '57014': { code: 'TIMEOUT', kind: 'retry', next: 'it is retried' },
};

/** Converts an error of a request. `sent`: the server may have done it without an answer. */
export function brokerErrorFrom(
  cause: unknown,
  { doing, sent }: { readonly doing: string; readonly sent: boolean },
): BrokerError {
  if (cause instanceof BrokerError) return cause;
  const why = `${doing} in the local log failed: ${messageOf(cause)}`;
  const meaning = meaningOf(cause);
  if (meaning === undefined)
    return new BrokerError(`${why}; see the log of Postgres`, {
      code: 'LOCAL_LOG_FAILED',
      kind: 'fatal',
      cause,
    });
  const { code, kind, next } = meaning;
  const text = `${why}; ${next}`;
  return new BrokerError(text, { code, kind, certainty: certaintyOf(sent && hasNoAnswer(cause)), cause });
}

/** The error of a request without an answer. */
export function timedOut(doing: string, ms: number, sent: boolean): BrokerError {
  const text = `${doing} in the local log got no answer within ${ms} ms; it is retried`;
  return new BrokerError(text, { code: 'TIMEOUT', kind: 'retry', certainty: certaintyOf(sent) });
}

function meaningOf(cause: unknown): Meaning | undefined {
  if (cause instanceof DatabaseError) return ofConnecting[cause.code as DatabaseErrorCode] ?? UNREACHABLE;
  const state = sqlState(cause);
  if (state === undefined) return UNREACHABLE;
  // BEGIN asked for `read write`; any other feature that is not supported stays so.
  if (state === '0A000' && classify(cause).category === 'service') return STANDBY;
  const { disposition } = strategies[classify(cause).category];
  return ofState[state] ?? (disposition === 'park' ? UNREACHABLE : undefined);
}

/** A server that stops may have written the commit before it closed the session. */
function hasNoAnswer(cause: unknown): boolean {
  return !(cause instanceof DatabaseError) && /^(57P|08|$)/.test(sqlState(cause) ?? '');
}

function certaintyOf(mayBeDone: boolean): 'unknown' | 'not_applied' {
  return mayBeDone ? 'unknown' : 'not_applied';
}
