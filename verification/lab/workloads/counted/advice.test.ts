import { expect, it } from 'vitest';
import { commandsOf, wordsOf } from './advice.ts';

it('the commands that a text advises are read from its backticks, without those that leave something to fill in', () => {
  const text =
    'Restore, and `converge source rebase --reason "a b" --yes` (look: `converge source show`), or `psql`, or `converge consumers fill <name>`';
  expect(commandsOf(text)).toEqual(['converge source rebase --reason "a b" --yes', 'converge source show']);
  expect(wordsOf('converge source rebase --reason "a b" --yes')).toEqual([
    'converge',
    'source',
    'rebase',
    '--reason',
    'a b',
    '--yes',
  ]);
});
