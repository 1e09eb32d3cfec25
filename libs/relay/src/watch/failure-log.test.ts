import { BrokerError } from '@convergekit/broker';
import { DatabaseError } from '@convergekit/postgres';
import { ConvergeError } from '@convergekit/core';
import { expect, test } from 'vitest';
import { FailureLog } from './failure-log.ts';

/**
 * Code that was removed once, and a test here failed:
 * - the code that is remembered (each failure is logged): one outage fills the log;
 * - the comparison of codes (logged at the first failure only): what is wrong now is not what the log says;
 * - the broker's text alone (the error goes along): the same sentence four times in a line.
 */

const unreachable = new BrokerError('no broker can be reached at a:9092', {
  code: 'BROKER_UNREACHABLE',
  kind: 'retry',
  certainty: 'not_applied',
});
const notCompared = new ConvergeError(`the log cannot be compared: ${unreachable.message}`, {
  code: 'LOG_NOT_COMPARED',
  category: 'network',
  certainty: 'not_applied',
  cause: unreachable,
});
const away = new DatabaseError('cannot reach Postgres', {
  code: 'DATABASE_UNREACHABLE',
  category: 'network',
  certainty: 'not_applied',
});

function logged(): { readonly failures: FailureLog; readonly lines: string[] } {
  const lines: string[] = [];
  const line = (level: string) => (fields: object, text: string) =>
    void lines.push(`${level} ${JSON.stringify(fields)} ${text}`);
  return { failures: new FailureLog({ warn: line('warn'), error: line('error') }), lines };
}

test('a broker that is down is logged once, in one sentence, and rarely while it lasts', () => {
  const { failures: log, lines } = logged();
  for (let failures = 1; failures < 20; failures += 1) log.failed(notCompared, failures);
  expect(lines).toEqual([
    'warn {"code":"BROKER_UNREACHABLE","failures":1} waiting for Kafka, events stay in the outbox meanwhile: no broker can be reached at a:9092',
  ]);
  log.failed(notCompared, 20);
  expect(lines).toHaveLength(2);
});

test('another failure is logged when it replaces the first, and the first when it begins anew', () => {
  const { failures: log, lines } = logged();
  log.failed(notCompared, 1);
  log.failed(away, 2);
  log.failed(away, 3);
  log.failed(away, 1);
  expect(lines.map((line) => line.split(' ', 1)[0])).toEqual(['warn', 'error', 'error']);
});
