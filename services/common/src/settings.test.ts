import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readSettings, serviceSettings } from './settings.ts';

describe('the settings of a service', () => {
  it('settings of a service are read from the environment', () => {
    const env = { DATABASE_URL: 'postgres://h/d', KAFKA_BROKERS: 'a:1,b:2', CONVERGE__HTTP__PORT: '8080' };
    expect(readSettings(serviceSettings, env)).toMatchObject({
      database: { url: 'postgres://h/d' },
      kafka: { brokers: ['a:1', 'b:2'] },
      http: { port: 8080 },
      health: { port: 0 },
    });
  });

  it('policies of the environment override those of the code', () => {
    const { policyLayers } = readSettings(serviceSettings, {
      DATABASE_URL: 'postgres://h/d',
      CONVERGE__POLICIES__CONSUMER__ATTEMPTS: '2',
    });
    expect(policyLayers).toEqual([{ source: 'environment', rules: { consumer: { attempts: 2 } } }]);
  });

  it('every invalid variable is reported at once, the service’s own included', () => {
    const schema = serviceSettings.extend({ provider: z.object({ url: z.url() }) });
    const env = { CONVERGE__HTTP__PORT: 'eighty', CONVERGE__PROVIDER__URL: 'nowhere' };
    expect(() => readSettings(schema, env)).toThrow(/database[^]*http[^]*provider/);
  });
});
