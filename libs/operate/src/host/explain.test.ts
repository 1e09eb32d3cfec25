import { BrokerError } from '@convergekit/broker';
import { ConfigError } from '@convergekit/config';
import { describe, expect, it } from 'vitest';
import { commitError } from '../../../postgres/src/errors.ts';
import { UsageError } from './errors.ts';
import { explain } from './explain.ts';

function pgError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, severity: 'ERROR' });
}

describe('an error at the command line', () => {
  it.each([
    ['3F000', 'schema "converge" does not exist'],
    ['42P01', 'relation "converge.outbox" does not exist'],
  ])('an error of SQLSTATE %s in the kit’s schema names the missing migration', (code, message) => {
    expect(explain(pgError(code, message))).toEqual({
      message: expect.stringContaining('run `converge migrate` first') as string,
      exitCode: 78,
    });
  });

  it('an error of SQLSTATE 42P01 for a table of the user is shown as Postgres wrote it', () => {
    expect(explain(pgError('42P01', 'relation "orders" does not exist'))).toEqual({
      message: 'relation "orders" does not exist (SQLSTATE 42P01)',
      exitCode: 1,
    });
  });

  it.each([
    ['25006', 'cannot execute INSERT in a read-only transaction', 'PreventCommandIfReadOnly'],
    ['0A000', 'cannot set transaction read-write mode during recovery', 'call_bool_check_hook'],
  ])('an error of SQLSTATE %s says that the server is a standby', (code, message, routine) => {
    expect(explain(Object.assign(pgError(code, message), { routine }))).toEqual({
      message: `this server is a standby, which takes no writes: ${message} (SQLSTATE ${code}); give the address of the primary, or promote it`,
      exitCode: 1,
    });
  });

  // Planted fault: an error that is taken for a standby's by its SQLSTATE alone.
  it('a feature that the server does not support is shown as Postgres wrote it', () => {
    expect(explain(pgError('0A000', 'cannot use LISTEN here'))).toEqual({
      message: 'Postgres refused: cannot use LISTEN here (SQLSTATE 0A000)',
      exitCode: 1,
    });
  });

  it('an error that only another configuration resolves exits with 78', () => {
    const error = new BrokerError('wrong password for Kafka', {
      code: 'NOT_AUTHORIZED',
      kind: 'configuration',
      certainty: 'not_applied',
    });
    expect(explain(error)).toEqual({ message: 'wrong password for Kafka', exitCode: 78 });
  });

  it('an error that a retry may resolve exits with 1', () => {
    const error = new BrokerError('no answer', { code: 'TIMEOUT', kind: 'retry', certainty: 'unknown' });
    expect(explain(error).exitCode).toBe(1);
  });

  // Without it the command ends with `unexpected Error`, as if nothing had happened, and is repeated.
  it.each([
    ['a lost COMMIT', commitError(new Error('read ECONNRESET'))],
    ['a lost answer', new Error('Connection terminated unexpectedly')],
    ['a session that the server ended', pgError('57P01', 'terminating connection')],
  ])('%s may have been applied, and the audit shows whether it was', (_name, error) => {
    expect(explain(error, { name: 'saga pause', things: ["it's"] })).toEqual({
      message: expect.stringMatching(
        /not known whether .*applied\. `converge audit --act 'saga pause' --about 'it'\\''s' --limit 5` lists/,
      ) as string,
      exitCode: 1,
    });
    expect(explain(error, { name: 'parked skip', things: Array<string>(7).fill('a') }).message).toContain(
      "`converge audit --act 'parked skip' --limit 7` lists",
    );
    expect(explain(error, { name: 'migrate', things: [] }).message).toMatch(
      /not known whether .*applied\. Type the command again: what it did is not done twice$/,
    );
    expect(explain(error).message).toMatch(/not known whether .*applied$/);
  });

  it('an error in several settings has one line for each', () => {
    const issue = {
      path: 'health.port',
      source: 'environment X',
      value: '7e9',
      message: 'too big',
      fix: 'Change it',
    };
    expect(explain(new ConfigError([issue])).message).not.toContain('\n');
    expect(explain(new ConfigError([issue, issue])).message.split('\n')).toHaveLength(3);
  });

  it('an error of the command line exits with 2', () => {
    expect(explain(new UsageError('COMMAND_LINE_INVALID', 'there is no command `converge rely`'))).toEqual({
      message: 'there is no command `converge rely`',
      exitCode: 2,
    });
  });

  it('an error without code and category is one line that says how to see more', () => {
    expect(explain(new TypeError('x is not a function\n  at y'))).toEqual({
      message: 'unexpected TypeError: x is not a function (LOG_LEVEL=debug shows where)',
      exitCode: 1,
    });
    expect(explain('gone').message).toBe('unexpected failure: gone');
  });
});
