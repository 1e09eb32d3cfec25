import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { BrokerError } from '../broker.ts';
import { MEANINGS } from './error-codes.ts';
import { brokerErrorFrom, protocolError } from './errors.ts';

const require = createRequire(import.meta.url);
const protocol = require('kafkajs/src/protocol/error') as {
  errorCodes: readonly { readonly type: string; readonly code: number; readonly retriable: boolean }[];
  createErrorFromCode: (code: number) => Error;
};
const kafkajs = require('kafkajs') as Record<string, new (message: unknown, details?: unknown) => Error>;
const make = (name: string, message: string, details?: unknown): Error => {
  const ErrorClass = kafkajs[name];
  if (ErrorClass === undefined) throw new Error(`kafkajs has no ${name}`);
  return new ErrorClass(message, details);
};
const at = { doing: 'writing to orders/3', topic: 'orders', partition: 3 };

describe('what a broker answers', () => {
  it('has a meaning for every error that heals by itself, as kafkajs sees it', () => {
    // Transactions, delegation tokens, elections and fetch sessions are never asked for.
    const never = new Set([51, 60, 70, 71, 80, 83, 84, 85]);
    const missing = protocol.errorCodes.filter(
      ({ code, retriable }) => retriable && !never.has(code) && !MEANINGS.has(code),
    );
    expect(missing).toEqual([]);
  });

  it('is repeated only when it heals, or belongs to the topic or to the settings', () => {
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

  it.each([7, 13, 20, 6, -1, 56])('leaves open whether a write was made after code %d', (code) => {
    expect(protocolError(code, at).certainty).toBe('unknown');
  });

  it.each([3, 5, 10, 19, 29, 45, 87])('excludes that a write was made after code %d', (code) => {
    expect(protocolError(code, at).certainty).toBe('not_applied');
  });

  it('names the place, and for codes that nobody knows the number', () => {
    expect(protocolError(10, at)).toMatchObject({ code: 'MESSAGE_TOO_LARGE', topic: 'orders', partition: 3 });
    expect(protocolError(10, at).message).toMatch(/^writing to orders\/3 failed: .*max\.message\.bytes/);
    expect(protocolError(4_711, at)).toMatchObject({ code: 'KAFKA_4711', kind: 'fatal' });
  });
});

describe('what kafkajs throws', () => {
  it.each<[string, Error, string, string]>([
    [
      'a refused connection',
      make('KafkaJSConnectionError', 'connect ECONNREFUSED', { code: 'ECONNREFUSED' }),
      'BROKER_UNREACHABLE',
      'retry',
    ],
    [
      'a name that is not found',
      make('KafkaJSConnectionError', 'getaddrinfo ENOTFOUND kafka', { code: 'ENOTFOUND' }),
      'BROKER_UNREACHABLE',
      'retry',
    ],
    [
      'a closed connection',
      make('KafkaJSConnectionClosedError', 'Closed connection', {}),
      'BROKER_UNREACHABLE',
      'retry',
    ],
    ['a request without an answer', make('KafkaJSRequestTimeoutError', 'timed out'), 'TIMEOUT', 'retry'],
    [
      'wrong credentials',
      make('KafkaJSSASLAuthenticationError', 'SASL PLAIN authentication failed'),
      'NOT_AUTHENTICATED',
      'configuration',
    ],
    [
      'an untrusted certificate',
      make('KafkaJSConnectionError', 'self-signed certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
      'TLS_FAILED',
      'configuration',
    ],
    [
      'TLS to a plain port',
      make('KafkaJSConnectionError', 'wrong version number', { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }),
      'TLS_FAILED',
      'configuration',
    ],
    [
      'an API that is too old',
      make('KafkaJSServerDoesNotSupportApiKey', 'The Kafka server does not support it', {}),
      'BROKER_TOO_OLD',
      'configuration',
    ],
    ['an answer of the protocol', protocol.createErrorFromCode(29), 'NOT_AUTHORIZED', 'halt_topic'],
    [
      'several at once',
      make('KafkaJSAggregateError', 'Topic creation errors', [protocol.createErrorFromCode(36)]),
      'TOPIC_EXISTS',
      'configuration',
    ],
    ['a bug', new TypeError('x is not a function'), 'DRIVER_FAILED', 'fatal'],
  ])('of %s is told apart', (_, thrown, code, kind) => {
    const error = brokerErrorFrom(thrown, at);
    expect(error).toBeInstanceOf(BrokerError);
    expect(error).toMatchObject({ code, kind, certainty: 'not_applied', topic: 'orders', partition: 3 });
    expect(error.message).toContain('writing to orders/3 failed');
    expect(error.cause).toBeDefined();
  });

  it('leaves a write open once its bytes had left', () => {
    const lost = make('KafkaJSConnectionClosedError', 'Closed connection', {});
    expect(brokerErrorFrom(lost, { ...at, written: true }).certainty).toBe('unknown');
    expect(brokerErrorFrom('a string', at)).toMatchObject({ code: 'DRIVER_FAILED' });
  });

  it('is passed on when it was told apart before', () => {
    const first = protocolError(6, at);
    expect(brokerErrorFrom(first, { doing: 'anything' })).toBe(first);
  });
});
