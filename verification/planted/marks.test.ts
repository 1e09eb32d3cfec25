import { describe, expect, it } from 'vitest';
import { draw } from './draw.ts';
import { type Mark, marksOfPage, marksOfTest } from './marks.ts';

const said = (marks: readonly Mark[]): unknown[] => marks.map(({ line, tests, text }) => [line, tests, text]);

// The words are put together here, so that this file has no mark.
const SEEN = ['seen', 'to', 'fail'].join(' ');

describe('marks in the comments of a test', () => {
  it('a list of planted faults is one mark, with its first line', () => {
    const source = [
      'import x from "x";',
      '/**',
      ' * Tests of a thing.',
      ` * Planted faults, each ${SEEN} here: no lock; no`,
      ' * order.',
      ' */',
    ].join('\n');
    expect(said(marksOfTest('a/b.test.ts', source))).toEqual([
      [4, ['a/b.test.ts'], `Planted faults, each ${SEEN} here: no lock; no order.`],
    ]);
  });

  it('each line comment is a mark of its own, and a denied one is none', () => {
    const source = [
      `  // ${SEEN} without the lock,`,
      '  // at once.',
      'it();',
      `// not ${SEEN} without it.`,
      `const a = '${SEEN}';`,
      `// ${SEEN} with one.`,
    ].join('\n');
    expect(said(marksOfTest('b.test.ts', source))).toEqual([
      [1, ['b.test.ts'], `${SEEN} without the lock, at once.`],
      [6, ['b.test.ts'], `${SEEN} with one.`],
    ]);
  });
});

describe('marks in the tables of a page', () => {
  const link = (name: string): string => `[${name}](../libs/${name}.test.ts)`;

  it('a mark belongs to the test that is linked before it, and its text ends before the next one', () => {
    const row = `| G7a | 7 | A promise. | ${link('a')}: ${SEEN} without x, and with y; ${link('b')}: ${SEEN} at z. ${link('c')} |`;
    expect(said(marksOfPage('docs/page.md', `text\n${row}\n`))).toEqual([
      [2, ['libs/a.test.ts'], `7 · ${SEEN} without x, and with y`],
      [2, ['libs/b.test.ts'], `7 · ${SEEN} at z`],
    ]);
  });

  it('a second mark of a test belongs to it, and "both" to the two before it', () => {
    const row = `| S1 | P. | ${link('a')}, ${link('b')}: x. Both ${SEEN} without y, and ${SEEN} with z |`;
    const both = ['libs/a.test.ts', 'libs/b.test.ts'];
    expect(marksOfPage('docs/page.md', row)).toMatchObject([
      { row: 'S1', text: `S1 · ${SEEN} without y, and ${SEEN} with z`, tests: both },
      { row: 'S1', text: `S1 · ${SEEN} with z`, tests: both },
    ]);
  });
});

describe('a draw', () => {
  const marks = Array.from({ length: 60 }, (_, n): Mark => {
    const file = `libs/a/${n}.test.ts`;
    return { file, line: n, text: `without ${n}`, tests: [file] };
  });
  const texts = (all: readonly Mark[], seed: string, count: number): string[] =>
    draw(all, seed, count).map(({ text }) => text);

  it('a draw is the same for the same seed, differs for another, and is the begin of a longer one', () => {
    expect(texts(marks, '1', 20)).toEqual(texts(marks, '1', 20));
    expect(texts(marks, '1', 20)).not.toEqual(texts(marks, '2', 20));
    expect(texts(marks, '1', 30).slice(0, 20)).toEqual(texts(marks, '1', 20));
  });

  it('a mark that is moved, added or removed leaves the order of the others', () => {
    const drawn = texts(marks, '1', 60);
    const moved = marks.map((mark) => ({ ...mark, file: mark.file.replace('/a/', '/b/'), line: 1 }));
    expect(texts(moved.toReversed(), '1', 60)).toEqual(drawn);
    expect(texts(marks.slice(1), '1', 60)).toEqual(drawn.filter((text) => text !== 'without 0'));
  });

  it('a draw picks a part of each mark, from 0 to below 1', () => {
    const picks = draw(marks, '1', 60).map(({ pick }) => pick);
    expect(picks.every((pick) => pick >= 0 && pick < 1)).toBe(true);
    expect(new Set(picks).size).toBe(60);
  });
});
