import { NetworkError, TimeoutError, UnsupportedApiError, UserError } from '@platformatic/kafka';
import { translates } from '../../fixture/translations.ts';
import { connectionErrorFrom } from './platformatic-connections.ts';

/** Wraps a cause as the client wraps any error of a connection attempt. */
const broken = (cause: Error): Error => new NetworkError('Connection to kafka:9092 failed.', { cause });
const node = (message: string, code: string): Error => broken(Object.assign(new Error(message), { code }));

translates('platformatic', connectionErrorFrom, [
  ['a refused connection', node('connect ECONNREFUSED', 'ECONNREFUSED'), 'lost'],
  ['a name that is not found', node('getaddrinfo ENOTFOUND kafka', 'ENOTFOUND'), 'lost'],
  ['a closed connection', new NetworkError('Connection closed'), 'lost'],
  ['a connection that is never made', new TimeoutError('Connection to kafka:9092 timed out.'), 'lost'],
  ['an untrusted certificate', node('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls'],
  ['TLS to a plain port', node('wrong version number', 'ERR_SSL_WRONG_VERSION_NUMBER'), 'tls'],
  ['a plain client at a TLS port', new UserError('Broker requires TLS.'), 'tls'],
  [
    'a broker that dies in the handshake',
    broken(
      new UserError('TLS handshake failed. Please verify the broker supports TLS.', {
        cause: Object.assign(new Error('before secure TLS connection was established'), {
          code: 'ECONNRESET',
        }),
      }),
    ),
    'lost',
  ],
  ['an API that is too old', new UnsupportedApiError('not supported'), 'too_old'],
  ['a bug', new TypeError('x is not a function'), undefined],
  ['no error at all', 'a string', undefined],
]);
