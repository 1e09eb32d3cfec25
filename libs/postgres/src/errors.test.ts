import { describe, expect, it } from 'vitest';
import { commitError, connectError, DatabaseError, rolledBackError, sqlState } from './errors.ts';

const target = { host: 'db', port: 5432, database: 'shop', user: 'app' };
const failed = (code: string, message = 'x', severity?: string): Error =>
  Object.assign(new Error(message), { code, ...(severity === undefined ? {} : { severity }) });

describe('an error of a connection', () => {
  it.each([
    ['ECONNREFUSED', 'DATABASE_UNREACHABLE', 'network'],
    ['ENOTFOUND', 'DATABASE_UNREACHABLE', 'network'],
    ['28P01', 'DATABASE_LOGIN_REFUSED', 'configuration'],
    ['3D000', 'DATABASE_MISSING', 'configuration'],
    ['53300', 'DATABASE_TOO_MANY_CONNECTIONS', 'service'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'DATABASE_TLS_FAILED', 'configuration'],
    ['CERT_HAS_EXPIRED', 'DATABASE_TLS_FAILED', 'configuration'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'DATABASE_TLS_FAILED', 'configuration'],
    ['EPROTO', 'DATABASE_TLS_FAILED', 'network'],
    ['57P03', 'DATABASE_STARTING_OR_STOPPING', 'service'],
  ])('a connection error of code %s becomes %s', (code, expected, category) => {
    const error = connectError(failed(code, 'x', 'FATAL'), target);
    expect(error).toMatchObject({ code: expected, category, certainty: 'not_applied' });
    expect(error.message).toContain('db:5432');
  });

  it.each([
    ['timeout exceeded when trying to connect', 'DATABASE_POOL_EXHAUSTED'],
    ['Connection terminated due to connection timeout', 'DATABASE_UNREACHABLE'],
    ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string', 'DATABASE_LOGIN_REFUSED'],
    ['The server does not support SSL connections', 'DATABASE_TLS_FAILED'],
    ['There was an error establishing an SSL connection', 'DATABASE_TLS_FAILED'],
    ['something new', 'DATABASE_CONNECT_FAILED'],
  ])('the error text "%s" becomes %s', (message, expected) => {
    expect(connectError(new Error(message), target).code).toBe(expected);
  });

  it('a certificate of an unknown authority is reported with the settings that name one', () => {
    const { message } = connectError(failed('SELF_SIGNED_CERT_IN_CHAIN'), target);
    expect(message).toContain('PGSSLROOTCERT');
    expect(message).toContain('sslrootcert');
  });

  // Planted fault: the limit of a role was reported as that of the server.
  it('a refusal for lack of connections names the limit that the server names', () => {
    const cause = failed('53300', 'too many connections for role "app"', 'FATAL');
    expect(connectError(cause, target).message).toContain(
      'for user "app": too many connections for role "app"',
    );
  });

  it('a failure of every address of a name is reported by the first one', () => {
    const cause = new AggregateError([failed('ECONNREFUSED'), failed('ECONNREFUSED')]);
    expect(connectError(cause, target).code).toBe('DATABASE_UNREACHABLE');
  });
});

describe('the outcome of a failed COMMIT', () => {
  it.each(['23505', '40001', '23514'])(
    'SQLSTATE %s at COMMIT is a definite rollback and passes unchanged',
    (code) => {
      const cause = failed(code, 'x', 'ERROR');
      expect(commitError(cause)).toBe(cause);
    },
  );

  it.each([
    ['a reset', failed('ECONNRESET')],
    ['a broken pipe, five letters like a SQLSTATE', failed('EPIPE')],
    ['a terminated connection', new Error('Connection terminated unexpectedly')],
    ['a session ended by the administrator', failed('57P01', 'x', 'FATAL')],
    [
      'a full disk under the log, on a server that speaks Chinese',
      failed('53100', 'x', '比致命错误还过分的错误'),
    ],
    ['a session ended for its idleness, on a server that speaks Russian', failed('25P03', 'x', 'ВАЖНО')],
  ])('the outcome of a COMMIT is unknown after %s', (_what, cause) => {
    expect(commitError(cause)).toMatchObject({ code: 'COMMIT_UNKNOWN', certainty: 'unknown', cause });
  });

  it('a violated constraint on a server with German messages is a definite rollback', () => {
    const cause = failed('23505', 'x', 'FEHLER');
    expect(commitError(cause)).toBe(cause);
  });

  it('a COMMIT answered with ROLLBACK is a bug of the caller, not a lost commit', () => {
    expect(rolledBackError()).toMatchObject({ code: 'COMMIT_ROLLED_BACK', category: 'bug' });
    const aborted = Object.assign(new Error('x'), { name: 'AbortedTransactionError' });
    expect(commitError(aborted)).toBeInstanceOf(DatabaseError);
    expect(commitError(aborted)).toMatchObject({ code: 'COMMIT_ROLLED_BACK' });
  });
});

it('the SQLSTATE of a cause is found, a Node code is not one', () => {
  expect(sqlState(new Error('outer', { cause: failed('40P01') }))).toBe('40P01');
  expect(sqlState(failed('EPIPE'))).toBeUndefined();
  expect(sqlState('text')).toBeUndefined();
});
