import { createRequire } from 'node:module';
import { translates } from '../../fixture/translations.ts';
import { connectionErrorFrom } from './kafkajs-connections.ts';

const require = createRequire(import.meta.url);
const kafkajs = require('kafkajs') as Record<string, new (message: unknown, details?: unknown) => Error>;
const make = (name: string, message: string, details?: unknown): Error => {
  const ErrorClass = kafkajs[name];
  if (ErrorClass === undefined) throw new Error(`kafkajs has no ${name}`);
  return new ErrorClass(message, details);
};
const broken = (message: string, code: string): Error => make('KafkaJSConnectionError', message, { code });

translates('kafkajs', connectionErrorFrom, [
  ['a refused connection', broken('connect ECONNREFUSED', 'ECONNREFUSED'), 'lost'],
  ['a name that is not found', broken('getaddrinfo ENOTFOUND kafka', 'ENOTFOUND'), 'lost'],
  ['a closed connection', make('KafkaJSConnectionClosedError', 'Closed connection', {}), 'lost'],
  ['a request without an answer', make('KafkaJSRequestTimeoutError', 'timed out'), 'timeout'],
  ['an untrusted certificate', broken('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls'],
  ['TLS to a plain port', broken('wrong version number', 'ERR_SSL_WRONG_VERSION_NUMBER'), 'tls'],
  ['an API that is too old', make('KafkaJSServerDoesNotSupportApiKey', 'not supported', {}), 'too_old'],
  ['a bug', new TypeError('x is not a function'), undefined],
  ['no error at all', 'a string', undefined],
]);
