import { expect, it } from 'vitest';
import { readSettings } from './settings.ts';

// A service names its own settings in its container; `converge migrate` runs there, too.
it('commands pass over the own settings of a service, whose environment they share', () => {
  const env = {
    CONVERGE__HTTP__PORT: '3000',
    CONVERGE__PROVIDER__URL: 'https://bank.test',
    KAFKA_BROKERS: 'k:1',
  };
  expect(readSettings(env).kafka.brokers).toEqual(['k:1']);
});

// Seen to fail with the last two, which were taken for variables of others: retention stayed as it was, without a word.
it.each([
  'CONVERGE__RELYA__LEASE_MS',
  'CONVERGE__RELAY__LEESE_MS',
  'CONVERGE__HELTH__PORT',
  'CONVERGE__RELAY_LEASE_MS',
  'CONVERGE_RELAY__LEASE_MS',
])('the typing error %s is refused', (name) => {
  expect(() => readSettings({ [name]: '5000' })).toThrow(/no such setting/);
});
