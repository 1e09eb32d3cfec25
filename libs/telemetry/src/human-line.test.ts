import { expect, it } from 'vitest';
import { humanLine } from './human-line.ts';

const line = (fields: object): string =>
  JSON.stringify({ level: 'info', time: '2026-01-02T03:04:05.678Z', pid: 1, name: 'relay', ...fields });

it('shows a log line on one readable line', () => {
  expect(humanLine(line({ msg: 'leading', source: 'orders', term: 3 }), false)).toBe(
    '03:04:05 relay: leading  source=orders term=3\n',
  );
});

it('names the level when it matters, and the error', () => {
  expect(humanLine(line({ level: 'warn', msg: 'no answer', err: { message: 'broker down' } }), false)).toBe(
    '03:04:05 relay: WARN no answer: broker down\n',
  );
});

it('keeps control characters of values away from the terminal', () => {
  expect(humanLine(line({ msg: 'a', topic: 'x\u001b[2Jy\nz' }), false)).toBe(
    '03:04:05 relay: a  topic=xy z\n',
  );
});

it('passes on what is no JSON', () => {
  expect(humanLine('plain\n', false)).toBe('plain\n');
});
