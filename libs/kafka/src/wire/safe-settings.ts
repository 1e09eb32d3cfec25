import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { BrokerError } from '@convergekit/broker/engine';
import type { SaslOptions } from './connection.ts';

interface Secured {
  readonly ssl?: boolean | TlsOptions;
  readonly sasl?: SaslOptions;
}

/** Refuses TLS without a certificate check, and a plain password or token without TLS, outside development and test. */
export function refuseUnsafe({ ssl = false, sasl }: Secured, env = process.env): void {
  const mode = env['NODE_ENV'];
  if (mode === 'development' || mode === 'test') return;
  const tls = ssl === true ? {} : ssl;
  if (tls !== false && tls.rejectUnauthorized === false)
    throw unsafe(
      "ssl.rejectUnauthorized = false accepts any certificate, so anyone between this process and Kafka can read and change everything. Give the brokers' CA instead: ssl.ca, or CONVERGE__KAFKA__TLS__CA_FILE",
    );
  if (tls !== false && tls.rejectUnauthorized === undefined && env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0')
    throw unsafe(
      "NODE_TLS_REJECT_UNAUTHORIZED=0 accepts any certificate of Kafka. Unset it, and give the brokers' CA instead: ssl.ca, or CONVERGE__KAFKA__TLS__CA_FILE",
    );
  if (tls === false && sasl?.mechanism === 'oauthbearer')
    throw unsafe(
      'SASL OAUTHBEARER without TLS sends the token to anyone who listens. Set ssl (CONVERGE__KAFKA__SSL=true)',
    );
  if (tls === false && sasl?.mechanism === 'plain')
    throw unsafe(
      'SASL PLAIN without TLS sends the password to anyone who listens. Set ssl (CONVERGE__KAFKA__SSL=true), or use the mechanism scram-sha-512',
    );
}

function unsafe(why: string): BrokerError {
  const text = `${why} (allowed only with NODE_ENV=development).`;
  return new BrokerError(text, { code: 'KAFKA_SETTINGS', kind: 'configuration' });
}
