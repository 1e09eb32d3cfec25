import { expect, test } from 'vitest';
import { readSettings } from './settings.ts';

test('a whole run has the sizes of the design; --quick has less of everything; a flag holds over both', () => {
  const read = (...args: string[]) => readSettings(args);
  expect(read()).toMatchObject({
    rounds: 5,
    tailRounds: 10,
    events: 500_000,
    deepEvents: 10_000_000,
    only: [],
  });
  expect(read('--quick', '--only', 'drain,deep')).toMatchObject({ rounds: 1, only: ['drain', 'deep'] });
  expect(read('--minutes', '0.5')).toMatchObject({ minutes: 0.5 });
  expect(read('--quick', '--events', '3_000')).toMatchObject({ events: 3_000, rounds: 1 });
});

test('what is no flag or no number is refused with its name', () => {
  expect(() => readSettings(['--rounds', 'many'])).toThrow('--rounds is "many"');
  expect(() => readSettings(['--rounds', '0'])).toThrow('--rounds is "0"');
  expect(() => readSettings(['--minutes', '0'])).toThrow('--minutes is "0"');
  expect(() => readSettings(['--ronds', '3'])).toThrow('--ronds');
});
