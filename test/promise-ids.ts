import { posix } from 'node:path';

/** A row of docs/guarantees.md or docs/requirements.md. */
export interface PromiseRow {
  readonly id: string;
  readonly page: string;
  readonly text: string;
  /** Rows that are not done need no test. */
  readonly done: boolean;
  /** The test files that the row links, relative to the root of the repository. */
  readonly tests: readonly string[];
}

/** A row that `make test` does not show: a part of `make verify`, or `make check`, shows it; or it needs a tool that is missing. */
export type OnlyVerify = { readonly id: string } & ({ readonly part: string } | { readonly tool: string });

export interface NamedTest {
  /** The titles of its suites and its own. */
  readonly titles: readonly string[];
  readonly passed: boolean;
}

/** The facts of a run of the first tier. */
export interface PromiseRun {
  readonly rows: readonly PromiseRow[];
  readonly tests: readonly NamedTest[];
  readonly onlyVerify: readonly OnlyVerify[];
  readonly isInstalled: (tool: string) => boolean;
}

const ID = '[GSCN]\\d+[a-z]?';
const PREFIX = new RegExp(`^(${ID}(?:, ${ID})*): `);
const IN_SOURCE = new RegExp(`(['"\`])(${ID}(?:, ${ID})*): (?!\\1)`, 'g');
const ROW = new RegExp(`^\\| ${ID} `);
const LINK = /\]\(([^)#]+\.test\.ts)\)/g;
const MOST_CHARACTERS = 80;

const cellsOf = (line: string): readonly string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

/** The rows of the page's table. A table without the column `state` has only rows that are done. */
export function promiseRows(page: string, markdown: string): readonly PromiseRow[] {
  const lines = markdown.split('\n');
  const header = cellsOf(lines.find((line) => line.startsWith('| id ')) ?? '');
  const state = header.indexOf('state');
  const text = header.findIndex((name) => name === 'promise' || name === 'requirement');
  return lines
    .filter((line) => ROW.test(line))
    .map((line) => {
      const cells = cellsOf(line);
      const done = state < 0 || cells[state] === 'done';
      const tests = [...line.matchAll(LINK)].map(([, href = '']) => posix.join(posix.dirname(page), href));
      return { id: cells[0] ?? '', page, text: cells[text] ?? '', done, tests };
    });
}

/** The ids before a title: `S31, G6b: a saga …` has two. */
export const idsOfTitle = (title: string): readonly string[] => PREFIX.exec(title)?.[1]?.split(', ') ?? [];

/** The ids before all titles of a source file, without running it. */
export const idsInSource = (source: string): readonly string[] =>
  [...source.matchAll(IN_SOURCE)].flatMap(([, , ids = '']) => ids.split(', '));

const isListed = ({ onlyVerify, isInstalled }: PromiseRun, id: string): boolean =>
  onlyVerify.some((one) => one.id === id && ('part' in one || !isInstalled(one.tool)));

/** What contradicts the pages in a whole run: rows without a passed test, ids without a row, entries that are not needed. */
export function promiseFaults(run: PromiseRun): readonly string[] {
  const known = new Set(run.rows.map(({ id }) => id));
  const named = run.tests.flatMap(({ titles, passed }) =>
    titles.flatMap((title) => idsOfTitle(title).map((id) => ({ id, title, passed }))),
  );
  const shown = new Set(named.filter(({ passed }) => passed).map(({ id }) => id));
  const twice = run.rows.filter(({ id }, at) => run.rows.findIndex((row) => row.id === id) !== at);
  const unshown = run.rows.filter(({ id, done }) => done && !shown.has(id) && !isListed(run, id));
  const strangers = new Map(named.filter(({ id }) => !known.has(id)).map(({ id, title }) => [id, title]));
  const unknown = run.onlyVerify.filter(({ id }) => !known.has(id));
  const needless = run.onlyVerify.filter((one) => 'part' in one && shown.has(one.id));
  return [
    ...twice.map(({ id, page }) => `${page}: ${id} is the id of two rows. Give one of them the next letter.`),
    ...unshown.map((row) => unshownFault(row, named.find(({ id }) => id === row.id)?.title)),
    ...[...strangers].map(
      ([id, title]) =>
        `${id} in the title “${title}” is no row of docs/guarantees.md and docs/requirements.md. Correct the title.`,
    ),
    ...unknown.map(({ id }) => `test/only-verify.ts: ${id} is no row. Remove the entry.`),
    ...needless.map(
      ({ id }) => `test/only-verify.ts: ${id} is shown by a test of this run. Remove the entry.`,
    ),
  ];
}

/** Links to tests that do not name their row: a reader would look for it there in vain. */
export function linkFaults(
  rows: readonly PromiseRow[],
  idsOfFile: (file: string) => readonly string[],
): readonly string[] {
  return rows.flatMap(({ id, page, tests }) => [
    ...tests
      .filter((file) => !idsOfFile(file).includes(id))
      .map(
        (file) =>
          `${page}: ${id} links ${file}, where no title has its id. Write “${id}: ” before the title of the test that shows it, or drop the link.`,
      ),
    ...tests
      .filter((file, at) => tests.indexOf(file) !== at)
      .map((file) => `${page}: ${id} links ${file} twice. Drop one link.`),
  ]);
}

function unshownFault({ id, page, text }: PromiseRow, title: string | undefined): string {
  const row = `${page}: ${id} (${text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text})`;
  if (title !== undefined)
    return `${row} is not shown: “${title}” was skipped or failed. Make it pass; for a row that needs what this machine lacks, list it in test/only-verify.ts.`;
  return `${row} has no test. Write “${id}: ” before the title of the test that shows it, list it in test/only-verify.ts, or correct its state.`;
}
