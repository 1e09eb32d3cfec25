import { expect, it } from 'vitest';
import { humanLine } from './human-line.ts';

const line = (fields: object): string =>
  JSON.stringify({ level: 'info', time: '2026-01-02T03:04:05.678Z', pid: 1, name: 'relay', ...fields });

it('a log line is shown on one readable line', () => {
  expect(humanLine(line({ msg: 'leading', source: 'orders', term: 3 }), false)).toBe(
    '03:04:05 relay: leading  source=orders term=3\n',
  );
});

it('a log line shows the level above info, and the error', () => {
  expect(humanLine(line({ level: 'warn', msg: 'no answer', err: { message: 'broker down' } }), false)).toBe(
    '03:04:05 relay: WARN no answer: broker down\n',
  );
});

it('a log line shows the places of a failed handler below it, one a line', () => {
  const stack = 'TypeError: x is no function\n    at handle (orders.ts:3:5)';
  expect(humanLine(line({ level: 'error', msg: 'attempt failed', code: 'TypeError', stack }), false)).toBe(
    '03:04:05 relay: ERROR attempt failed  code=TypeError\n    TypeError: x is no function\n        at handle (orders.ts:3:5)\n',
  );
});

it('a line of a consumer begins with its name, and its reason follows the message', () => {
  const of = { name: 'inbox', consumer: 'payments', msg: 'rejected', key: 'large', reason: 'over the limit' };
  expect(humanLine(line(of), false)).toBe('03:04:05 payments: rejected: over the limit  key=large\n');
});

it('control characters in a value do not reach the terminal', () => {
  expect(humanLine(line({ msg: 'a', topic: 'x\u001b[2Jy\nz' }), false)).toBe(
    '03:04:05 relay: a  topic=xy z\n',
  );
});

it('a line that is not JSON is passed on', () => {
  expect(humanLine('plain\n', false)).toBe('plain\n');
});
