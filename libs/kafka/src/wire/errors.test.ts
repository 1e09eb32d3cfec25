import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { ConnectionError } from './connection.ts';
import { MEANINGS } from './error-codes.ts';
import { brokerErrorFrom, protocolError } from './errors.ts';

const require = createRequire(import.meta.url);
const protocol = require('kafkajs/src/protocol/error') as {
  errorCodes: readonly { readonly type: string; readonly code: number; readonly retriable: boolean }[];
};
const at = { doing: 'writing to orders/3', topic: 'orders', partition: 3 };

describe('answers of a broker', () => {
  it('every error code that kafkajs retries has a meaning', () => {
    // Transactions, delegation tokens, elections and fetch sessions are never asked for.
    const never = new Set([51, 60, 70, 71, 80, 83, 84, 85]);
    const missing = protocol.errorCodes.filter(
      ({ code, retriable }) => retriable && !never.has(code) && !MEANINGS.has(code),
    );
    expect(missing).toEqual([]);
  });

  it('each error code is retried, or is a matter of the topic, of the producer, or of the settings', () => {
    const kinds = Object.fromEntries([...MEANINGS].map(([code, { kind }]) => [code, kind]));
    expect(kinds).toMatchObject({
      5: 'retry',
      6: 'retry',
      7: 'retry',
      19: 'retry',
      20: 'retry',
      56: 'retry',
    });
    expect(kinds).toMatchObject({
      3: 'halt_topic',
      10: 'halt_topic',
      18: 'halt_topic',
      29: 'halt_topic',
      87: 'halt_topic',
    });
    expect(kinds).toMatchObject({
      45: 'new_producer',
      47: 'new_producer',
      59: 'new_producer',
      90: 'new_producer',
    });
    expect(kinds).toMatchObject({ 30: 'configuration', 33: 'configuration', 58: 'configuration' });
  });

  it.each([7, 13, 20, 6, -1, 56])('the outcome of a write is unknown after code %d', (code) => {
    expect(protocolError(code, at).certainty).toBe('unknown');
  });

  it.each([3, 5, 10, 19, 29, 45, 87])('a write is not applied after code %d', (code) => {
    expect(protocolError(code, at).certainty).toBe('not_applied');
  });

  // What a broker says without one: kafka-acls.int.test.ts takes each right away.
  it('a refusal for lack of a right names the right, and the command that grants it', () => {
    const right = { operation: 'DescribeConfigs', on: 'topic', name: 'orders' } as const;
    expect(protocolError(29, { doing: 'describing topic orders', right }).message).toBe(
      'describing topic orders failed: the broker denies access: this user lacks DescribeConfigs on topic orders. Grant it: `kafka-acls.sh --bootstrap-server … --add --allow-principal User:… --operation DescribeConfigs --topic orders`',
    );
  });

  it.each([
    [15, 'offsets.topic.replication.factor'],
    [23, 'another client'],
    [26, 'group.min.session.timeout.ms'],
    [32, 'message.timestamp.before.max.ms'],
    [81, 'group.max.size'],
  ])('a refusal by a setting or another client names it (code %d: %s)', (code, named) => {
    expect(protocolError(code, { doing: 'joining group stock' }).message).toContain(named);
  });

  // Seen to fail with the text as it came: 32 KB of it were in each log line and alarm.
  it.each([
    ['an answer', (said: string) => protocolError(44, { doing: 'creating topics', said })],
    ['a login', (said: string) => brokerErrorFrom(new ConnectionError('credentials', said), at)],
  ])('a part of what a broker says is kept where it refuses %s, and how much was left out', (_what, of) => {
    const { message } = of('no. '.repeat(8_000));
    expect(message).toContain('no. no. ');
    expect(message).toContain('… (and 31500 characters)');
    expect(message.length).toBeLessThan(1_000);
  });

  it('a refusal for a topic that does not exist names the command that creates it, or the one that finds it', () => {
    const named = protocolError(3, at).message;
    expect(named).toContain('create it with `converge topics create orders --partitions 6`');
    expect(protocolError(3, { doing: 'creating topics' }).message).toContain('see `converge topics check`');
  });

  it('an error names topic and partition, and an unknown code its number', () => {
    expect(protocolError(10, at)).toMatchObject({ code: 'MESSAGE_TOO_LARGE', topic: 'orders', partition: 3 });
    expect(protocolError(10, at).message).toMatch(/^writing to orders\/3 failed: .*max\.message\.bytes/);
    expect(protocolError(4_711, at)).toMatchObject({ code: 'KAFKA_4711', kind: 'fatal' });
  });
});

describe('failures of a connection', () => {
  it.each([
    ['lost', 'BROKER_UNREACHABLE', 'retry'],
    ['timeout', 'TIMEOUT', 'retry'],
    ['credentials', 'NOT_AUTHENTICATED', 'configuration'],
    ['tls', 'TLS_FAILED', 'configuration'],
    ['too_old', 'BROKER_TOO_OLD', 'configuration'],
  ] as const)('a connection failure `%s` is a BrokerError %s of kind %s', (failure, code, kind) => {
    const thrown = new ConnectionError(failure, 'its own words');
    const error = brokerErrorFrom(thrown, at);
    expect(error).toMatchObject({ code, kind, certainty: 'not_applied', topic: 'orders', partition: 3 });
    expect(error.message).toMatch(/^writing to orders\/3 failed: .*its own words$/);
    expect(error.cause).toBe(thrown);
  });

  it('an unforeseen error of a connection is a bug', () => {
    const bug = new TypeError('x is not a function');
    expect(brokerErrorFrom(bug, at)).toMatchObject({ code: 'DRIVER_FAILED', kind: 'fatal', cause: bug });
    expect(brokerErrorFrom('a string', at)).toMatchObject({ code: 'DRIVER_FAILED' });
  });

  it('the outcome of a write is unknown when its bytes have left', () => {
    const lost = new ConnectionError('lost', 'closed');
    expect(brokerErrorFrom(lost, { ...at, written: true }).certainty).toBe('unknown');
  });

  it('a BrokerError is passed on as it is', () => {
    const first = protocolError(6, at);
    expect(brokerErrorFrom(first, { doing: 'anything' })).toBe(first);
  });
});
