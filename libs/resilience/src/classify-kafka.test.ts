import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { classify } from './index.ts';
import { KAFKA_ERRORS } from './kafka-errors.ts';

const errorsOfKafkajs = (
  createRequire(import.meta.url)('kafkajs/src/protocol/error.js') as {
    errorCodes: readonly { type: string; code: number; retriable: boolean }[];
  }
).errorCodes;

describe('Kafka protocol errors', () => {
  it('the Kafka table has every error of kafkajs under the same number', () => {
    expect(errorsOfKafkajs.length).toBeGreaterThan(80);
    for (const { type, code } of errorsOfKafkajs)
      expect([type, KAFKA_ERRORS.get(type)?.[0]]).toEqual([type, code]);
  });

  it('the Kafka table has every number from −1 to 127 except 0', () => {
    const numbers = new Set([...KAFKA_ERRORS.values()].map(([number]) => number));
    const expected = Array.from({ length: 129 }, (_, index) => index - 1).filter((number) => number !== 0);
    expect([...numbers].sort((a, b) => a - b)).toEqual(expected);
  });

  it('a retriable protocol error is never classified as a bug', () => {
    for (const { type, code, retriable } of errorsOfKafkajs.filter((one) => one.retriable)) {
      const thrown = Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, code, retriable });
      expect([type, classify(thrown).category]).not.toEqual([type, 'bug']);
    }
  });
});
