import { expect, it } from 'vitest';
import { z } from 'zod';
import { checkNames, readSettings } from './settings.ts';

const none = { file: undefined, flags: {} };

it('the settings of a service come from the environment, and flags override it', () => {
  const env = { DATABASE_URL: 'postgres://h/d', KAFKA_BROKERS: 'a:1,b:2', CONVERGE__HTTP__PORT: '8080' };
  const flags = { 'http.port': '9090' };
  expect(readSettings({}, { ...none, flags }, env)).toMatchObject({
    settings: {
      database: { url: 'postgres://h/d', connections: 10 },
      kafka: { brokers: ['a:1', 'b:2'] },
      http: { port: 9090 },
      health: { port: 0 },
    },
    databaseSetting: 'DATABASE_URL (environment)',
  });
});

it('the policies in the environment of a service are a layer above those of its code', () => {
  const { policyLayers } = readSettings({}, none, {
    DATABASE_URL: 'postgres://h/d',
    CONVERGE__POLICIES__CONSUMER__ATTEMPTS: '2',
  });
  expect(policyLayers).toEqual([
    { source: 'environment', rules: { consumer: { attempts: 2 } }, fromVariables: true },
  ]);
});

it('every invalid setting of a service is reported at once, its own included', () => {
  const own = { api: z.object({ port: z.int() }), provider: z.object({ url: z.url() }) };
  const env = { CONVERGE__API__PORT: 'eighty', CONVERGE__PROVIDER__URL: 'nowhere' };
  expect(() => readSettings(own, none, env)).toThrow(/database\.url[^]*api[^]*provider/);
});

it('a service takes the PG* variables in place of DATABASE_URL, and quotes no text that is not a URL', () => {
  const { settings, databaseSetting } = readSettings({}, none, { PGHOST: 'db' });
  expect([settings.database.url, databaseSetting]).toEqual([undefined, 'PGHOST and PGDATABASE']);
  const read = () => readSettings({}, none, { DATABASE_URL: 'hunter2' });
  expect(read).toThrow(/expected postgres:/);
  expect(read).not.toThrow(/hunter2/);
});

it.each(['database', 'http'])('a setting of its own named %s, which the kit has, is refused', (own) => {
  expect(() => checkNames('hotel', { settings: { [own]: z.string() } })).toThrow(
    `its own setting ${own} has the name of one of the kit; give it another name`,
  );
  expect(() => checkNames('hotel', { settings: { api: z.string() } })).not.toThrow();
});
