import { ConfigError } from '@convergekit/config';
import { databaseVariable } from '@convergekit/config/engine';
import { describe, expect, it } from 'vitest';
import { relayOptions } from '@convergekit/relay/engine';
import { addressesOf, readSettings, requireBroker, requireDatabase, sourcesOf } from './settings.ts';

describe('the settings', () => {
  it('settings need nothing but DATABASE_URL and KAFKA_BROKERS', () => {
    const settings = readSettings({ DATABASE_URL: 'postgres://a@b/c', KAFKA_BROKERS: 'k1:9092, k2:9092' });
    expect(requireDatabase(settings)).toBe('postgres://a@b/c');
    expect(settings.kafka.brokers).toEqual(['k1:9092', 'k2:9092']);
    expect(settings.health.port).toBe(0);
  });

  it('settings select the Kafka driver by name, and an unknown name is refused with the known ones', () => {
    expect(readSettings({ CONVERGE__KAFKA__DRIVER: 'platformatic' }).kafka.driver).toBe('platformatic');
    expect(() => readSettings({ CONVERGE__KAFKA__DRIVER: 'rdkafka' })).toThrow(/KAFKA__DRIVER.*kafkajs/s);
  });

  it('settings report every error at once', () => {
    const env = { KAFKA_BROKERS: 'k1', CONVERGE__HEALTH__PORT: '70000', LOG_LEVEL: 'loud' };
    expect(() => readSettings(env)).toThrow(ConfigError);
    expect(() => readSettings(env)).toThrow(
      /KAFKA_BROKERS(.|\n)*HEALTH__PORT|HEALTH__PORT(.|\n)*KAFKA_BROKERS/,
    );
  });

  it('settings accept PG* in place of DATABASE_URL, and require the name of a database', () => {
    expect(requireDatabase(readSettings({ PGHOST: 'db' }))).toBeUndefined();
    expect(() => requireDatabase(readSettings({}))).toThrow('DATABASE_URL is not set');
    expect(() => requireBroker(readSettings({}))).toThrow('KAFKA_BROKERS is not set');
    expect(() => requireBroker(readSettings({ CONVERGE__BROKER: 'local' }))).not.toThrow();
  });

  it('settings never quote a DATABASE_URL that is no URL, because it may be a password', () => {
    const settings = readSettings({ DATABASE_URL: 'hunter2' });
    expect(() => requireDatabase(settings)).toThrow(/no Postgres URL/);
    expect(() => requireDatabase(settings)).not.toThrow(/hunter2/);
  });

  it('settings give the sources of a relay by name, and refuse the same database twice', () => {
    const env = {
      CONVERGE__RELAY__SOURCES__ORDERS: 'postgres://db/orders',
      CONVERGE__RELAY__SOURCES__SHOP_PAYMENTS: 'postgres://db/payments',
    };
    expect(sourcesOf(readSettings(env))).toEqual([
      { name: 'orders', url: 'postgres://db/orders' },
      { name: 'shopPayments', url: 'postgres://db/payments' },
    ]);
    expect(sourcesOf(readSettings({}))).toEqual([]);
    const twice = { ...env, CONVERGE__RELAY__SOURCES__AGAIN: 'postgres://user@db/orders' };
    expect(() => sourcesOf(readSettings(twice))).toThrow(/again.*orders|orders.*again/);
    const secret = readSettings({ CONVERGE__RELAY__SOURCES__ORDERS: 'hunter2' });
    expect(() => sourcesOf(secret)).toThrow(/relay\.sources\.orders is no Postgres URL/);
    expect(() => sourcesOf(secret)).not.toThrow(/hunter2/);
  });

  it('settings set how long the outbox keeps events, and refuse a value that is no duration', () => {
    const env = { CONVERGE__RELAY__RETAIN_MS: '3600000', CONVERGE__RELAY__RETAIN_REQUESTS_MS: '1000' };
    expect(relayOptions(readSettings(env)).retention).toEqual({
      retainMs: 3_600_000,
      retainRequestsMs: 1_000,
    });
    expect(relayOptions(readSettings({})).retention).toEqual({});
    expect(() => readSettings({ CONVERGE__RELAY__RETAIN_MS: '-1' })).toThrow(/RETAIN_MS/);
  });

  // Planted fault: without its minimum, a lease is first refused by the relay, as an unexpected RangeError.
  it('settings refuse a lease that is shorter than its renewal, by name, and accept the shortest that the relay accepts', () => {
    expect(() => readSettings({ CONVERGE__RELAY__LEASE_MS: '3000' })).toThrow(
      expect.objectContaining({ exitCode: 78, message: expect.stringContaining('relay.leaseMs') as string }),
    );
    expect(relayOptions(readSettings({ CONVERGE__RELAY__LEASE_MS: '3001' })).leaseMs).toBe(3_001);
  });

  it('settings refuse children of the outbox that are larger than the database makes, by name', () => {
    expect(() => readSettings({ CONVERGE__RELAY__CHILD_EVENTS: '1000001' })).toThrow(
      expect.objectContaining({
        exitCode: 78,
        message: expect.stringContaining('relay.childEvents') as string,
      }),
    );
    expect(readSettings({ CONVERGE__RELAY__CHILD_EVENTS: '1000000' }).relay.childEvents).toBe(1_000_000);
  });

  // Planted fault: without the comparison, the relay of `orders` signs nothing, and says nothing of it.
  it('settings refuse a signing key under a name that no outbox has', () => {
    const secret = 's'.repeat(32);
    const sources = { CONVERGE__RELAY__SOURCES__ORDERS: 'postgres://o' };
    const right = readSettings({ ...sources, CONVERGE__RELAY__SIGNING_KEYS__ORDERS: secret });
    expect(relayOptions(right, 'orders').signingKey).toBe(secret);
    expect(() => readSettings({ ...sources, CONVERGE__RELAY__SIGNING_KEYS__ORDER: secret })).toThrow(
      'relay.sources has no order',
    );
  });

  // Seen to fail with the name in capitals: no shell sets CONVERGE__DATABASES__SHOP-COPY, and what SHOP_COPY set was not found.
  it('the variable that is advised for a database sets it, whatever the name is', () => {
    for (const name of ['shop', 'shop-copy', 'shop_copy', 'shopCopy', 'shop.copy']) {
      expect(databaseVariable(name)).toMatch(/^CONVERGE__DATABASES__SHOP(_COPY)?$/);
      const settings = readSettings({ [databaseVariable(name)]: 'postgres://s' });
      expect(addressesOf(settings, [name])).toEqual([
        { name, setting: databaseVariable(name), url: 'postgres://s' },
      ]);
    }
    expect(addressesOf(readSettings({ CONVERGE__DATABASES__SHOP: 'postgres://s' }), ['shop-copy'])).toEqual(
      [],
    );
  });

  it('settings give the databases of reconcilers by name', () => {
    const env = {
      CONVERGE__DATABASES__ORDERS: 'postgres://o',
      CONVERGE__MODULES: './a.ts,b',
    };
    expect(readSettings(env)).toMatchObject({
      modules: ['./a.ts', 'b'],
      databases: { orders: 'postgres://o' },
    });
  });
});
