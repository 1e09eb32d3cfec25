import { ConfigError } from '@converge/runtime';
import { describe, expect, it } from 'vitest';
import { readSettings, requireBrokers, requireDatabase } from './settings.ts';

describe('the settings', () => {
  it('need nothing but DATABASE_URL and KAFKA_BROKERS', () => {
    const settings = readSettings({ DATABASE_URL: 'postgres://a@b/c', KAFKA_BROKERS: 'k1:9092, k2:9092' });
    expect(requireDatabase(settings, {})).toBe('postgres://a@b/c');
    expect(requireBrokers(settings)).toEqual(['k1:9092', 'k2:9092']);
    expect(settings.health.port).toBe(0);
  });

  it('choose the driver by name, and name those that there are', () => {
    expect(readSettings({ CONVERGE__KAFKA__DRIVER: 'platformatic' }).kafka.driver).toBe('platformatic');
    expect(() => readSettings({ CONVERGE__KAFKA__DRIVER: 'rdkafka' })).toThrow(/KAFKA__DRIVER.*kafkajs/s);
  });

  it('name every error at once', () => {
    const env = { KAFKA_BROKERS: 'k1', CONVERGE__HEALTH__PORT: '70000', LOG_LEVEL: 'loud' };
    expect(() => readSettings(env)).toThrow(ConfigError);
    expect(() => readSettings(env)).toThrow(
      /KAFKA_BROKERS(.|\n)*HEALTH__PORT|HEALTH__PORT(.|\n)*KAFKA_BROKERS/,
    );
  });

  it('take PG* in place of DATABASE_URL, and refuse to guess a database', () => {
    expect(requireDatabase(readSettings({}), { PGHOST: 'db' })).toBeUndefined();
    expect(() => requireDatabase(readSettings({}), {})).toThrow('DATABASE_URL is not set');
    expect(() => requireBrokers(readSettings({}))).toThrow('KAFKA_BROKERS is not set');
  });

  it('never repeat a DATABASE_URL that is none: it may be a password', () => {
    const settings = readSettings({ DATABASE_URL: 'hunter2' });
    expect(() => requireDatabase(settings, {})).toThrow(/no Postgres URL/);
    expect(() => requireDatabase(settings, {})).not.toThrow(/hunter2/);
  });

  it('read the databases of reconcilers by name', () => {
    const env = {
      CONVERGE__RECONCILE__DATABASES__ORDERS: 'postgres://o',
      CONVERGE__RECONCILE__MODULES: './a.ts,b',
    };
    expect(readSettings(env).reconcile).toEqual({
      databases: { orders: 'postgres://o' },
      modules: ['./a.ts', 'b'],
    });
  });
});
