import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { filesOf } from './copy.ts';

/** A place that says: this test failed when its remedy was taken out. */
export interface Mark {
  /** Where the words stand. */
  readonly file: string;
  readonly line: number;
  /** The id of its row in a table. */
  readonly row?: string;
  /** What the place says, on one line. */
  readonly text: string;
  /** The test files that it names; of a comment, the file that it stands in. */
  readonly tests: readonly string[];
}

const SEEN = /(?<!not )seen (?:to fail|failing)/gi;
const LINK = /\]\(([^)#]+\.test\.ts)\)/g;
/** The row of a table names its next test here. */
const NEXT_TEST = /[.;:,] \[[\w.-]+\]\(|[.;:] [^.;:[]*?\[[\w.-]+\]\(/;

/** Reads the marks in the comments of a test file. */
export function marksOfTest(file: string, source: string): Mark[] {
  return commentsOf(source).flatMap(({ line, text }) => {
    const found = [...text.matchAll(SEEN)];
    return found.map(({ index }, at) => {
      // A list of planted faults begins before the words.
      const begin = at === 0 ? Math.max(0, text.slice(0, index).search(/planted faults?\b/i)) : index;
      const said = text
        .slice(begin, found[at + 1]?.index)
        .replaceAll(/\s+/g, ' ')
        .trim();
      return { file, line: line + lines(text.slice(0, index)), text: said, tests: [file] };
    });
  });
}

/** Reads the marks in the tables of a page; each belongs to the tests that are linked between it and the mark before. */
export function marksOfPage(file: string, source: string): Mark[] {
  return source.split('\n').flatMap((row, at) => {
    if (!row.startsWith('|')) return [];
    const [, id = '', ...cells] = row.split('|').map((cell) => cell.trim());
    // A row's id comes before the number of its guarantee. The text has the number: ids may be given anew.
    const number = cells.find((cell) => /^\d[\d, –]*$/.test(cell)) ?? id;
    let last = 0;
    let tests: string[] = [];
    return [...row.matchAll(SEEN)].map(({ index }) => {
      const between = row.slice(last, index);
      last = index;
      const linked = [...between.matchAll(LINK)].map(([, link = '']) =>
        posix.join(posix.dirname(file), link),
      );
      // "Both" speaks of two; otherwise the last link is the one that is spoken of.
      if (linked.length > 0) tests = /\bboth$/i.test(between.trimEnd()) ? linked.slice(-2) : linked.slice(-1);
      const rest = row.slice(index).replace(/ *\|.*$/, '');
      const next = rest.slice(1).search(NEXT_TEST);
      const said = next < 0 ? rest : rest.slice(0, next + 1);
      const text = `${number} · ${said.replaceAll(/\s+/g, ' ').trim()}`;
      return { file, line: at + 1, row: id, text, tests };
    });
  });
}

function commentsOf(source: string): { readonly line: number; readonly text: string }[] {
  const found = source.matchAll(/\/\*\*?([\s\S]*?)\*\/|(?:^[ \t]*\/\/.*\n?)+/gm);
  return [...found].map((match) => ({
    line: lines(source.slice(0, match.index)) + 1,
    text: (match[1] ?? match[0]).replaceAll(/^[ \t]*(?:\/\/|\*)/gm, ''),
  }));
}

function lines(text: string): number {
  return text.split('\n').length - 1;
}

const PAGES = ['docs/guarantees.md', 'docs/requirements.md'];

/** Reads all marks of a repository: its two pages of promises, and the comments of its tests. */
export function collectMarks(root: string): Mark[] {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  const tests = filesOf(root).filter((file) => file.endsWith('.test.ts'));
  return [
    ...PAGES.flatMap((page) => marksOfPage(page, read(page))),
    ...tests.flatMap((file) => marksOfTest(file, read(file))),
  ];
}
