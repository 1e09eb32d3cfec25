import { expect, it } from 'vitest';
import { skippedText } from './tools.ts';

const kcat = { name: 'kcat', probe: ['-V'], install: 'apt-get install kcat' };
const skipped = (fullName: string, tags: string[], note?: string) => ({
  fullName,
  tags,
  result: () => ({ state: 'skipped' as const, errors: undefined, note }),
});

it('a missing tool is named with the number of tests that it cost, and every other skipped test by its name', () => {
  const tests = [
    skipped('a', ['kcat']),
    skipped('b', ['kcat']),
    skipped('a disk', [], 'no rights to mount'),
    skipped('c', []),
  ];
  expect(skippedText(tests, [kcat])).toEqual([
    'not run for lack of kcat: 2 tests (apt-get install kcat)',
    'skipped: a disk (no rights to mount)',
    'skipped: c',
  ]);
  expect(skippedText([], [kcat])).toEqual([]);
});
