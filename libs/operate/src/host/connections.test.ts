import { expect, it } from 'vitest';
import { openBroker } from './connections.ts';
import { readSettings } from './settings.ts';

const driverOf = (env: Readonly<Record<string, string>>): string =>
  openBroker(readSettings({ KAFKA_BROKERS: 'k1:9092', ...env }), 'test').driver;

// Planted fault: a driver that is not passed on fails here.
it('Kafka is opened by the driver of the settings, and by kafkajs where they name none', () => {
  expect(driverOf({})).toBe('kafkajs');
  expect(driverOf({ CONVERGE__KAFKA__DRIVER: 'kafkajs' })).toBe('kafkajs');
  expect(driverOf({ CONVERGE__KAFKA__DRIVER: 'platformatic' })).toBe('platformatic');
});
