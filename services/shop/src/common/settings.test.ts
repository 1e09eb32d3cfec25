import { describe, expect, it } from 'vitest';
import { readSettings } from './settings.ts';

describe('the settings of a shop service', () => {
  it('come from the environment', () => {
    expect(
      readSettings({ DATABASE_URL: 'postgres://h/d', KAFKA_BROKERS: 'a:1,b:2', HTTP_PORT: '8080' }),
    ).toMatchObject({ databaseUrl: 'postgres://h/d', brokers: ['a:1', 'b:2'], httpPort: 8080, healthPort: 0 });
  });

  it('name every variable that is wrong, at once', () => {
    expect(() => readSettings({ HTTP_PORT: 'eighty', PROVIDER_URL: 'nowhere' })).toThrow(
      /DATABASE_URL is not set.*HTTP_PORT.*PROVIDER_URL/,
    );
  });
});
