import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { classify } from './index.ts';
import { axes, http, thrown } from './fixture/thrown.ts';

const kafkajs = (type: string, code: number): Error => thrown({ name: 'KafkaJSProtocolError', type, code });
const platformatic = (apiId: string, apiCode: number): Error =>
  thrown({ code: 'PLT_KFK_RESPONSE', apiId, apiCode });
const named = (name: string): Error => thrown({ name });
const zodError = z.string().safeParse(1).error;

type Row = readonly [what: string, error: unknown, axes: string, code: string, structural?: 'structural'];

/** Axes as `category certainty`. */
const table: readonly Row[] = [
  ['refused', thrown({ code: 'ECONNREFUSED', syscall: 'connect' }), 'network not_applied', 'ECONNREFUSED'],
  ['reset', thrown({ code: 'ECONNRESET' }), 'network unknown', 'ECONNRESET'],
  [
    'reset while connecting',
    thrown({ code: 'ECONNRESET', syscall: 'connect' }),
    'network not_applied',
    'ECONNRESET',
  ],
  ['timed out', thrown({ code: 'ETIMEDOUT' }), 'network unknown', 'ETIMEDOUT'],
  [
    'timed out while connecting',
    thrown({ code: 'ETIMEDOUT', syscall: 'connect' }),
    'network not_applied',
    'ETIMEDOUT',
  ],
  ['broken pipe', thrown({ code: 'EPIPE' }), 'network unknown', 'EPIPE'],
  ['no such host', thrown({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }), 'network not_applied', 'ENOTFOUND'],
  ['DNS busy', thrown({ code: 'EAI_AGAIN' }), 'network not_applied', 'EAI_AGAIN'],
  ['no route', thrown({ code: 'EHOSTUNREACH', syscall: 'connect' }), 'network not_applied', 'EHOSTUNREACH'],
  ['too many files', thrown({ code: 'EMFILE' }), 'service not_applied', 'EMFILE'],
  ['disk full', thrown({ code: 'ENOSPC' }), 'service not_applied', 'ENOSPC'],
  ['port taken', thrown({ code: 'EADDRINUSE' }), 'configuration not_applied', 'EADDRINUSE', 'structural'],
  ['no such file', thrown({ code: 'ENOENT' }), 'configuration not_applied', 'ENOENT', 'structural'],
  [
    'undici connect timeout',
    thrown({ code: 'UND_ERR_CONNECT_TIMEOUT' }),
    'network not_applied',
    'UND_ERR_CONNECT_TIMEOUT',
  ],
  [
    'undici headers timeout',
    thrown({ code: 'UND_ERR_HEADERS_TIMEOUT' }),
    'network unknown',
    'UND_ERR_HEADERS_TIMEOUT',
  ],
  [
    'certificate expired',
    thrown({ code: 'CERT_HAS_EXPIRED' }),
    'configuration not_applied',
    'CERT_HAS_EXPIRED',
    'structural',
  ],
  [
    'self-signed',
    thrown({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    'configuration not_applied',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'structural',
  ],
  [
    'wrong host in certificate',
    thrown({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }),
    'configuration not_applied',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'structural',
  ],
  [
    'TLS to a plain port',
    thrown({ code: 'ERR_SSL_WRONG_VERSION_NUMBER' }),
    'configuration not_applied',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'structural',
  ],
  [
    'TLS in the middle',
    thrown({ code: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC' }),
    'network unknown',
    'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  ],
  ['400', http(400), 'data not_applied', 'HTTP_400'],
  ['401', http(401), 'configuration not_applied', 'HTTP_401', 'structural'],
  ['402', http(402), 'business not_applied', 'HTTP_402'],
  ['403 as statusCode', thrown({ statusCode: 403 }), 'configuration not_applied', 'HTTP_403', 'structural'],
  ['404 on a response', thrown({ response: { status: 404 } }), 'data not_applied', 'HTTP_404'],
  ['408', http(408), 'network not_applied', 'HTTP_408'],
  ['409', http(409), 'data not_applied', 'HTTP_409'],
  ['418: as its hundred', http(418), 'data not_applied', 'HTTP_418'],
  ['423', http(423), 'contention not_applied', 'HTTP_423'],
  ['429', http(429), 'throttle not_applied', 'HTTP_429'],
  ['500', http(500), 'service unknown', 'HTTP_500'],
  ['503', http(503), 'service unknown', 'HTTP_503'],
  ['504', http(504), 'service unknown', 'HTTP_504'],
  ['599: as its hundred', http(599), 'service unknown', 'HTTP_599'],
  ['a redirect', http(302), 'configuration not_applied', 'HTTP_302', 'structural'],
  [
    'kafkajs: not leader any more, perhaps after the append',
    kafkajs('NOT_LEADER_FOR_PARTITION', 6),
    'network unknown',
    'KAFKA_NOT_LEADER_FOR_PARTITION',
  ],
  ['kafkajs: too large', kafkajs('MESSAGE_TOO_LARGE', 10), 'data not_applied', 'KAFKA_MESSAGE_TOO_LARGE'],
  [
    'kafkajs: request timed out',
    kafkajs('REQUEST_TIMED_OUT', 7),
    'network unknown',
    'KAFKA_REQUEST_TIMED_OUT',
  ],
  [
    'kafkajs: a name that we do not know',
    kafkajs('SOME_NEW_NAME', 19),
    'network not_applied',
    'KAFKA_NOT_ENOUGH_REPLICAS',
  ],
  [
    'kafkajs: wrong password',
    named('KafkaJSSASLAuthenticationError'),
    'configuration not_applied',
    'KafkaJSSASLAuthenticationError',
    'structural',
  ],
  ['kafkajs: connection lost', named('KafkaJSConnectionError'), 'network unknown', 'KafkaJSConnectionError'],
  [
    'kafkajs: retries used up',
    thrown({ name: 'KafkaJSNumberOfRetriesExceeded', cause: kafkajs('TOPIC_AUTHORIZATION_FAILED', 29) }),
    'configuration not_applied',
    'KAFKA_TOPIC_AUTHORIZATION_FAILED',
    'structural',
  ],
  [
    'platformatic: not enough replicas after append',
    platformatic('NOT_ENOUGH_REPLICAS_AFTER_APPEND', 20),
    'network unknown',
    'KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  ],
  [
    'platformatic: quota',
    platformatic('THROTTLING_QUOTA_EXCEEDED', 89),
    'throttle not_applied',
    'KAFKA_THROTTLING_QUOTA_EXCEEDED',
  ],
  [
    'platformatic: out of order',
    platformatic('OUT_OF_ORDER_SEQUENCE_NUMBER', 45),
    'service not_applied',
    'KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER',
  ],
  [
    'platformatic: rebalance',
    platformatic('REBALANCE_IN_PROGRESS', 27),
    'contention not_applied',
    'KAFKA_REBALANCE_IN_PROGRESS',
  ],
  ['platformatic: no answer', thrown({ code: 'PLT_KFK_TIMEOUT' }), 'network unknown', 'PLT_KFK_TIMEOUT'],
  [
    'pg: connection lost',
    thrown({}, 'Connection terminated unexpectedly'),
    'network unknown',
    'PG_CONNECTION_LOST',
  ],
  [
    'pg: no connection in time',
    thrown({}, 'Connection terminated due to connection timeout'),
    'network not_applied',
    'PG_CONNECT_TIMEOUT',
  ],
  [
    'pg: pool used up',
    thrown({}, 'timeout exceeded when trying to connect'),
    'service not_applied',
    'PG_POOL_EXHAUSTED',
  ],
  ['zod', zodError, 'data not_applied', 'VALIDATION_FAILED'],
  ['issues of another schema library', thrown({ issues: [] }), 'data not_applied', 'VALIDATION_FAILED'],
  ['an abort', AbortSignal.abort().reason, 'network unknown', 'ABORTED'],
  ['a timeout', new DOMException('late', 'TimeoutError'), 'network unknown', 'TIMEOUT'],
  ['a TypeError', new TypeError('undefined is not a function'), 'bug unknown', 'TypeError'],
  ['a RangeError', new RangeError('x'), 'bug unknown', 'RangeError'],
  ['a ReferenceError', new ReferenceError('x'), 'bug unknown', 'ReferenceError'],
  ['a failed assertion', thrown({ code: 'ERR_ASSERTION' }), 'bug unknown', 'ERR_ASSERTION'],
  [
    'fetch: its cause counts',
    new TypeError('fetch failed', { cause: thrown({ code: 'ECONNREFUSED' }) }),
    'network not_applied',
    'ECONNREFUSED',
  ],
  [
    'several tries: the least certain counts',
    new AggregateError([thrown({ code: 'ECONNREFUSED' }), thrown({ code: 'ECONNRESET' })]),
    'network unknown',
    'ECONNRESET',
  ],
  ['a rejection', new BusinessRejection('no'), 'business not_applied', 'REJECTED'],
  [
    'our own, with its axes',
    new ConvergeError('x', { code: 'MINE', category: 'service', certainty: 'applied' }),
    'service applied',
    'MINE',
  ],
  [
    'another package’s, by its shape',
    { category: 'data', certainty: 'not_applied', code: 'PAYLOAD_TOO_LARGE' },
    'data not_applied',
    'PAYLOAD_TOO_LARGE',
  ],
  ['a wrong shape', { category: 'nonsense', certainty: 'unknown' }, 'bug unknown', 'UNCLASSIFIED'],
  ['an unknown error', new Error('?'), 'bug unknown', 'UNCLASSIFIED'],
  ['a string', 'oops', 'bug unknown', 'UNCLASSIFIED'],
  ['nothing', undefined, 'bug unknown', 'UNCLASSIFIED'],
  ['null', null, 'bug unknown', 'UNCLASSIFIED'],
  ['a success status', http(200), 'bug unknown', 'UNCLASSIFIED'],
];

describe('classify', () => {
  it.each(table)('classify maps %s', (_, error, expected, code, structural) => {
    expect(axes(error)).toBe([expected, structural].filter(Boolean).join(' '));
    expect(classify(error)).toMatchObject({ code, cause: error });
  });
});
