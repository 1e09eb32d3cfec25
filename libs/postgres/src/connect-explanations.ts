import type { Category } from '@convergekit/core';
import { tlsFailure } from '@convergekit/core/engine';
import type { DatabaseErrorCode, Target } from './error-code.ts';

interface Explanation {
  readonly code: DatabaseErrorCode;
  /** @default by the cause */
  readonly category?: Category;
  /** `why`: the server's own words. */
  readonly text: (target: Target, why: string) => string;
}

export const place = (t: Target): string => `${t.host}:${t.port}`;
export const settingOf = ({ setting = 'DATABASE_URL' }: Target): string => setting;
const unreachable = (why: string): Explanation => ({
  code: 'DATABASE_UNREACHABLE',
  category: 'network',
  text: (t) =>
    `cannot reach Postgres at ${place(t)}: ${why}. Check host and port in ${settingOf(t)}, and that the server runs.`,
});
const loginRefused = (why: string): Explanation => ({
  code: 'DATABASE_LOGIN_REFUSED',
  text: (t) =>
    `Postgres at ${place(t)} refused user "${t.user}": ${why}. Check user and password in ${settingOf(t)}, and pg_hba.conf on the server.`,
});
/** What failed before a TLS connection. */
const tlsFailed = (what: string, next: string, category: Category): Explanation => ({
  code: 'DATABASE_TLS_FAILED',
  category,
  text: (t, why) => `no TLS connection to Postgres at ${place(t)}: ${what} (${why.trim()}). ${next}.`,
});
const starting: Explanation = {
  code: 'DATABASE_STARTING_OR_STOPPING',
  text: (t) => `Postgres at ${place(t)} is starting or stopping. Try again in a moment.`,
};

/** Explanations of connection errors, by errno or SQLSTATE. */
export const explanations: Readonly<Record<string, Explanation>> = {
  ECONNREFUSED: unreachable('nothing listens there'),
  ENOTFOUND: unreachable('the host name does not resolve'),
  EAI_AGAIN: unreachable('the name server does not answer'),
  ETIMEDOUT: unreachable('no answer in time'),
  EHOSTUNREACH: unreachable('no route to the host'),
  ECONNRESET: unreachable('the connection was cut while connecting'),
  ENOENT: unreachable('the socket file does not exist'),
  NO_PASSWORD: loginRefused('it requires a password and none was given'),
  POOL: {
    code: 'DATABASE_POOL_EXHAUSTED',
    text: (t) =>
      `no connection to Postgres at ${place(t)} became free in time: all of this pool's are in use. Raise \`max\`, or look for transactions that stay open.`,
  },
  '28P01': loginRefused('wrong password'),
  '28000': loginRefused('no such user, or this way of logging in is not allowed'),
  '3D000': {
    code: 'DATABASE_MISSING',
    text: (t) =>
      `Postgres at ${place(t)} has no database "${t.database}". Create it (createdb ${t.database}) or correct ${settingOf(t)}.`,
  },
  '53300': {
    code: 'DATABASE_TOO_MANY_CONNECTIONS',
    text: (t, why) =>
      `Postgres at ${place(t)} has no connection left for user "${t.user}": ${why}. Lower the pool sizes, raise the limit of the server, the database or the role, or put a pooler in front.`,
  },
  NO_TLS: tlsFailed(
    'the server offers none',
    'Set `ssl = on` there, or correct the port; sslmode=disable sends all in the clear',
    'configuration',
  ),
  TLS_ANSWER: tlsFailed(
    'the answer to the request for TLS is none of Postgres',
    'Check that Postgres listens there, and nothing in between changes its bytes',
    'network',
  ),
  '57P01': starting,
  '57P02': starting,
  '57P03': starting,
};

/** Explains the failure of a TLS handshake by its code or message; undefined for any other error. */
export function tlsExplanation(code: unknown, message: string): Explanation | undefined {
  const failure = tlsFailure(code, message, {
    server: 'Postgres',
    ca: 'PGSSLROOTCERT, or as sslrootcert in the URL',
    certificate: 'PGSSLCERT and PGSSLKEY, or in sslcert and sslkey of the URL',
  });
  if (failure === undefined) return undefined;
  return {
    code: 'DATABASE_TLS_FAILED',
    category: failure.isSetting ? 'configuration' : 'network',
    text: (t) => `no TLS connection to Postgres at ${place(t)}: ${failure.text}.`,
  };
}

/** Errors of pg and pg-pool that are recognised by their text. */
export const texts: readonly (readonly [RegExp, string])[] = [
  [/^timeout exceeded when trying to connect/, 'POOL'],
  [/^The server does not support SSL/, 'NO_TLS'],
  [/^There was an error establishing an SSL/, 'TLS_ANSWER'],
  [/timeout/i, 'ETIMEDOUT'],
  [/^Connection terminated/, 'ECONNRESET'],
  [/client password must be a (non-empty )?string/, 'NO_PASSWORD'],
];
