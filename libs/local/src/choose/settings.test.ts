import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openBroker } from './open-broker.ts';
import { brokerSettings, chosenBroker } from './settings.ts';

const schema = z.object(brokerSettings);

describe('the choice of a broker', () => {
  it.each([
    ['Kafka where its addresses are set', { kafka: { brokers: ['k:9092'] } }, 'kafka'],
    ['nothing where nothing is set', {}, undefined],
    ['the local log where it is asked for', { broker: 'local' }, 'local'],
    ['the local log where both are set', { broker: 'local', kafka: { brokers: ['k:9092'] } }, 'local'],
  ])('the settings choose %s', (_, given, expected) => {
    expect(chosenBroker(schema.parse(given))).toBe(expected);
  });

  it('the choice refuses a broker that does not exist', () => {
    expect(() => schema.parse({ broker: 'rabbit' })).toThrow();
  });

  it('opening without a choice, or Kafka without addresses, names both settings', () => {
    const missing = /KAFKA_BROKERS.*CONVERGE__BROKER=local/;
    expect(() => openBroker(schema.parse({}), { clientId: 'test' })).toThrow(missing);
    expect(() => openBroker(schema.parse({ broker: 'kafka' }), { clientId: 'test' })).toThrow(missing);
  });

  it('the local log is opened without a connection', async () => {
    const broker = openBroker(schema.parse({ broker: 'local' }), {
      clientId: 'test',
      databaseUrl: 'postgres://u:p@127.0.0.1:1/none',
    });
    expect(broker.driver).toBe('local');
    await broker.close();
  });
});
