import { describe, expect, it } from 'vitest';
import { readSettings } from './settings.ts';

describe('the settings of a shop service', () => {
  it('come from the environment', () => {
    const env = { DATABASE_URL: 'postgres://h/d', KAFKA_BROKERS: 'a:1,b:2', CONVERGE__HTTP__PORT: '8080' };
    expect(readSettings(env)).toMatchObject({
      database: { url: 'postgres://h/d' },
      kafka: { brokers: ['a:1', 'b:2'] },
      http: { port: 8080 },
      health: { port: 0 },
    });
  });

  it('name every variable that is wrong, at once', () => {
    const env = { CONVERGE__HTTP__PORT: 'eighty', CONVERGE__PROVIDER__URL: 'nowhere' };
    expect(() => readSettings(env)).toThrow(/database[^]*http[^]*provider/);
  });
});
