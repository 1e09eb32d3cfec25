import { describe, expect, it } from 'vitest';
import { kafkaOptions, kafkaSettings } from './settings.ts';
import { refuseUnsafe } from './wire/safe-settings.ts';

const base = { brokers: ['kafka:9093'], clientId: 'c' };
const plain = { mechanism: 'plain', username: 'u', password: 'canary-7d' } as const;
const token = () => Promise.resolve({ value: 'canary-7d' });
const production = { NODE_ENV: 'production' };

describe('settings of Kafka', () => {
  // Planted faults: each of the three checks taken out lets its own one pass.
  it.each([
    ['rejectUnauthorized: false', { ssl: { rejectUnauthorized: false } }, production],
    ['SASL PLAIN without TLS', { sasl: plain }, {}],
    ['SASL OAUTHBEARER without TLS', { sasl: { mechanism: 'oauthbearer' as const, token } }, {}],
    ['the variable of Node that accepts everything', { ssl: true }, { NODE_TLS_REJECT_UNAUTHORIZED: '0' }],
  ])(
    'settings of Kafka refuse %s outside development, with the fix and without the password',
    (_, options, env) => {
      const attempt = () => refuseUnsafe({ ...base, ...options }, env);
      expect(attempt).toThrow(expect.objectContaining({ code: 'KAFKA_SETTINGS', category: 'configuration' }));
      expect(attempt).toThrow(/CONVERGE__KAFKA__/);
      expect(attempt).not.toThrow(/canary/);
      expect(() => refuseUnsafe({ ...base, ...options }, { ...env, NODE_ENV: 'development' })).not.toThrow();
    },
  );

  it('settings of Kafka accept a login over TLS, a login without a plain password, and a checked certificate', () => {
    for (const options of [
      { ssl: true, sasl: plain },
      { sasl: { ...plain, mechanism: 'scram-sha-512' as const } },
      { ssl: { ca: 'PEM' } },
      {},
    ])
      expect(() => refuseUnsafe({ ...base, ...options }, production)).not.toThrow();
  });

  it('settings of Kafka turn TLS on with an authority or a certificate, and require the key of a certificate', () => {
    const tls = { ca: 'CA', certificate: 'CERT', privateKey: 'KEY' };
    const read = kafkaSettings.parse({ brokers: ['kafka:9093'], tls });
    expect(kafkaOptions(read)).toEqual({
      brokers: ['kafka:9093'],
      ssl: { ca: 'CA', cert: 'CERT', key: 'KEY' },
    });
    expect(kafkaOptions(kafkaSettings.parse({ ssl: true }))).toEqual({ brokers: [], ssl: true });
    expect(() => kafkaSettings.parse({ tls: { certificate: 'CERT' } })).toThrow(/belong together/);
  });

  it.each([
    { mechanism: 'oauthbearer' },
    { mechanism: 'oauthbearer', tokenModule: 't.js', password: 'p' },
    { mechanism: 'plain', username: 'u' },
    { mechanism: 'scram-sha-512', username: 'u', password: 'p', tokenModule: 't.js' },
  ])('settings of Kafka refuse the incomplete or contradictory login %o', (sasl) => {
    expect(() => kafkaSettings.parse({ sasl })).toThrow(/oauthbearer takes tokenModule/);
  });
});
