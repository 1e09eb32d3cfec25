import { Linter } from 'eslint';
import { describe, expect, it } from 'vitest';
import { plainWords } from './plain-words.js';

function found(code: string): readonly string[] {
  const plugins = { converge: { rules: { 'plain-words': plainWords } } };
  const messages = new Linter().verify(code, [{ plugins, rules: { 'converge/plain-words': 'error' } }]);
  return messages.map(({ line, column, endColumn, message }) =>
    message.includes('not a term')
      ? (code.split('\n')[line - 1] ?? '').slice(column - 1, (endColumn ?? 0) - 1)
      : message,
  );
}

describe('the rule of plain words', () => {
  it.each([
    ['a line comment', '// Nobody reads it.\nf();', ['Nobody']],
    ['a doc comment', '/**\n * Mends what\n * the relay tells.\n */\nf();', ['Mends', 'tells']],
    ['a string', "f('put aside');", ['aside']],
    ['a template string', 'f(`a\n${x} told`);', ['told']],
    ['an identifier', 'const told = 1;', ['told']],
    ['a word of a camelCase identifier', 'const failureTold = TroubleTeller;', ['Told', 'Teller']],
    ['a word of an upper-case identifier', 'const HEAL_MS = 1;', ['HEAL']],
    ['a property', 'x.whoever;', ['whoever']],
  ])('the rule of plain words finds a refused word in %s', (_, code, expected) =>
    expect(found(code)).toEqual(expected),
  );

  it.each([
    ['parts of longer words', '// recommended, amended, healthy, intellect\nf();'],
    ['self-healing', '// A self-healing partition; selfHealing too.\nf();'],
    ['a line that is allowed', '// eslint-disable-next-line converge/plain-words -- a quote\nf("told");'],
  ])('the rule of plain words accepts %s', (_, code) => expect(found(code)).toEqual([]));
});
