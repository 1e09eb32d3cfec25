import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig } from './index.ts';
import type { LoadConfigOptions } from './config.ts';
import { schema } from './fixture/config-schema.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'config-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function file(content: string, name = 'converge.yaml'): string {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
}
const load = (env: LoadConfigOptions['env'] = {}, more: Partial<LoadConfigOptions> = {}) =>
  loadConfig(schema, { env, ...more });

describe('precedence', () => {
  it('S35: settings take precedence by source, each alone: defaults < file < environment < flags', () => {
    const yaml = file('relay:\n  poll: { minMs: 2, maxMs: 30 }\n  ratio: 0.1\n  mode: 7\n');
    expect(load().relay).toEqual({ enabled: true, ratio: 0.5, mode: 'auto', poll: { minMs: 1, maxMs: 20 } });
    const env = { CONVERGE__RELAY__POLL__MAX_MS: '40', CONVERGE__RELAY__RATIO: '0.2' };
    expect(load(env, { file: yaml, flags: { 'relay.ratio': '0.3', 'relay.mode': undefined } }).relay).toEqual(
      {
        enabled: true,
        ratio: 0.3,
        mode: 7,
        poll: { minMs: 2, maxMs: 40 },
      },
    );
  });

  it('CONVERGE__ variables take precedence over standard ones', () => {
    expect(load({ LOG_LEVEL: 'warn' }).log.level).toBe('warn');
    expect(load({ LOG_LEVEL: 'warn', CONVERGE__LOG__LEVEL: 'debug' }).log.level).toBe('debug');
  });

  it('flags may be nested or typed', () => {
    expect(load({}, { flags: { relay: { enabled: false }, 'database.port': 1 } })).toMatchObject({
      relay: { enabled: false },
      database: { port: 1 },
    });
  });

  it('loadConfig returns a frozen object', () => {
    const config = load();
    expect(
      Object.isFrozen(config) && Object.isFrozen(config.relay.poll) && Object.isFrozen(config.kafka.brokers),
    ).toBe(true);
  });
});

describe('the environment', () => {
  it.each<[string, Record<string, string>, unknown]>([
    ['a list by commas', { KAFKA_BROKERS: 'a:1, b:2' }, { kafka: { brokers: ['a:1', 'b:2'] } }],
    ['a list as JSON', { CONVERGE__KAFKA__BROKERS: '["a:1"]' }, { kafka: { brokers: ['a:1'] } }],
    ['a boolean', { CONVERGE__RELAY__ENABLED: 'off' }, { relay: { enabled: false } }],
    [
      'a bigint',
      { CONVERGE__RELAY__LIMIT: '12345678901234567890' },
      { relay: { limit: 12345678901234567890n } },
    ],
    ['one kind of a union', { CONVERGE__RELAY__MODE: '3' }, { relay: { mode: 3 } }],
    ['the other kind', { CONVERGE__RELAY__MODE: 'auto' }, { relay: { mode: 'auto' } }],
    ['text of digits stays text', { PGPASSWORD: '0012345' }, { database: { password: '0012345' } }],
    [
      'a new name in a record',
      { CONVERGE__POLICIES__CARD_CHARGE__ATTEMPTS: '5' },
      { policies: { cardCharge: { attempts: 5 } } },
    ],
    [
      'a whole group as JSON',
      { CONVERGE__POLICIES: '{"x":{"attempts":2}}' },
      { policies: { x: { attempts: 2 } } },
    ],
    [
      'an empty variable is not set',
      { LOG_LEVEL: '', CONVERGE__DATABASE__PORT: '' },
      { log: { level: 'info' }, database: { port: 5432 } },
    ],
    [
      'names of other tools that this process has no place for',
      { OTEL_SERVICE_NAME: 'x', PGSSLMODE: 'y' },
      {},
    ],
    ['names that only look like ours', { CONVERGE_FAILPOINT: 'x', CONVERGED__A: 'y' }, {}],
  ])('loadConfig reads from the environment: %s', (_, env, expected) =>
    expect(load(env)).toMatchObject(expected as object),
  );

  it('a variable sets the record entry that the file spells differently', () => {
    const yaml = file('policies:\n  card-charge: { attempts: 3 }\n');
    const config = load({ CONVERGE__POLICIES__CARD_CHARGE__ATTEMPTS: '5' }, { file: yaml });
    expect(config.policies).toEqual({ 'card-charge': { attempts: 5, factor: 2 } });
  });

  it('a variable with the suffix _FILE is read from that file', () => {
    const secret = file('s3cret-pass\n', 'secret');
    expect(load({ PGPASSWORD_FILE: secret }).database.password).toBe('s3cret-pass');
    expect(load({ CONVERGE__DATABASE__PASSWORD_FILE: secret }).database.password).toBe('s3cret-pass');
    expect(load({ CONVERGE__DATABASE__PORT_FILE: file('77\r\n', 'port') }).database.port).toBe(77);
    // Planted fault: without the look at free names, the name is `ordersFile` and its value the path.
    const keys = z.object({
      keys: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}),
    });
    expect(loadConfig(keys, { env: { CONVERGE__KEYS__ORDERS_FILE: secret } })).toEqual({
      keys: { orders: 's3cret-pass' },
    });
  });

  it('a setting whose own name ends in File is read as it is', () => {
    const tls = z.object({ tls: z.object({ caFile: z.string() }) });
    expect(loadConfig(tls, { env: { CONVERGE__TLS__CA_FILE: '/x/ca.pem' } })).toEqual({
      tls: { caFile: '/x/ca.pem' },
    });
  });

  it('loadConfig accepts another prefix', () => {
    expect(load({ SHOP__LOG__LEVEL: 'warn', CONVERGE__NONSENSE: '1' }, { prefix: 'SHOP' }).log.level).toBe(
      'warn',
    );
  });
});
