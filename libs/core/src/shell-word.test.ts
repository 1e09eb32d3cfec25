import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { shellWord } from './shell-word.ts';

it('plain words stay as they are', () => {
  for (const word of ['order-7', '0192f1c2-7a3b-7c1d-8e2f-0123456789ab', 'a/b.c:d@e'])
    expect(shellWord(word)).toBe(word);
});

it('a shell takes any other text as one argument, and runs nothing of it', () => {
  const texts = [
    '',
    ' ',
    '$(echo run)',
    '`echo run`',
    `'; echo run; '`,
    '"',
    'a\nb',
    '*',
    '~',
    '!!',
    '\\',
    'ä',
  ];
  const command = `printf '%s\\0' ${texts.map(shellWord).join(' ')}`;
  const printed = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  expect(printed.split('\0').slice(0, -1)).toEqual(texts);
});
