import { BrokerError } from '@convergekit/broker';
import { expect, test } from 'vitest';
import { SendFailureLog } from './failure-log.ts';

const failure = (code: 'BROKER_UNREACHABLE' | 'SEND_TIMEOUT') => ({
  topic: 'orders',
  error: new BrokerError(`no answer (${code})`, { code, kind: 'retry', certainty: 'unknown' }),
});

function scene() {
  const lines: string[] = [];
  const failing = new Set<number>();
  const line = (level: string) => (_fields: object, text: string) => void lines.push(`${level}: ${text}`);
  const trouble = new SendFailureLog({ info: line('info'), warn: line('warn') }, () => failing.size > 0);
  return {
    lines,
    fails: (partition: number, code: Parameters<typeof failure>[0] = 'BROKER_UNREACHABLE') => {
      trouble.failed([failure(code)]);
      failing.add(partition);
    },
    isWritten: (partition: number) => {
      failing.delete(partition);
      trouble.written();
    },
  };
}

// Planted fault: a reason that is logged for each partition (no memory of codes) makes three lines here.
test('an outage that hits partitions one after the other is logged once, and so is its end', () => {
  const { lines, fails, isWritten } = scene();
  fails(0);
  fails(1);
  isWritten(0);
  fails(2);
  isWritten(1);
  isWritten(2);
  isWritten(0);
  expect(lines).toEqual([
    'warn: cannot write to 1 partition(s): no answer (BROKER_UNREACHABLE)',
    'info: writing again',
  ]);
});

test('another reason in between is logged, and the same one again in the next outage', () => {
  const { lines, fails, isWritten } = scene();
  fails(0);
  fails(0, 'SEND_TIMEOUT');
  isWritten(0);
  fails(0);
  expect(lines.map((line) => line.split('(').at(-1))).toEqual([
    'BROKER_UNREACHABLE)',
    'SEND_TIMEOUT)',
    'info: writing again',
    'BROKER_UNREACHABLE)',
  ]);
});

// A halted topic drops its queue and failures: no line then reports that it is written again.
test('failures that end without an acknowledgement are forgotten with the next outage', () => {
  const lines: string[] = [];
  const trouble = new SendFailureLog(
    { info: () => undefined, warn: (_fields, text) => void lines.push(text) },
    () => false,
  );
  trouble.failed([failure('BROKER_UNREACHABLE')]);
  trouble.failed([failure('BROKER_UNREACHABLE')]);
  expect(lines).toHaveLength(2);
});
