import { expect, it } from 'vitest';
import { readSettings } from '../../../../operate/src/host/settings.ts';
import { linesOf } from './print-config.ts';

it('each setting is printed once, as its last source sets it, with its secrets hidden', () => {
  const { set } = readSettings({
    DATABASE_URL: 'postgres://app:hunter2@db:5432/orders',
    CONVERGE__RELAY__LEASE_MS: '10000',
    CONVERGE__KAFKA__SASL__MECHANISM: 'plain',
    CONVERGE__KAFKA__SASL__USERNAME: 'relay',
    CONVERGE__KAFKA__SASL__PASSWORD: 'hunter2',
    KAFKA_BROKERS: 'a:9092,b:9092',
  });
  const lines = linesOf(set, []);
  expect(JSON.stringify(lines)).not.toContain('hunter2');
  expect(lines).toEqual(
    expect.arrayContaining([
      {
        path: 'database.url',
        value: '"postgres://app:***@db:5432/orders"',
        from: 'environment DATABASE_URL',
      },
      { path: 'kafka.brokers', value: '["a:9092","b:9092"]', from: 'environment KAFKA_BROKERS' },
      { path: 'kafka.sasl.password', value: '***', from: 'environment CONVERGE__KAFKA__SASL__PASSWORD' },
      { path: 'relay.leaseMs', value: '10000', from: 'environment CONVERGE__RELAY__LEASE_MS' },
    ]),
  );
  expect(new Set(lines.map(({ path }) => path)).size).toBe(lines.length);
});

it('what nothing sets is listed with its default on request', () => {
  const entry = {
    path: 'relay.leaseMs',
    variables: [],
    fallback: '5000',
    unit: 'ms',
    range: '',
    description: '',
  };
  expect(linesOf([], [entry])).toEqual([{ path: 'relay.leaseMs', value: '5000', from: 'default' }]);
  const set = [{ path: ['relay', 'leaseMs'], value: 1, source: 'file a.yaml', secret: false }];
  expect(linesOf(set, [entry])).toEqual([{ path: 'relay.leaseMs', value: '1', from: 'file a.yaml' }]);
});
