import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parts } from '../verification/verify/parts.ts';
import { onlyVerify } from './only-verify.ts';
import {
  idsInSource,
  idsOfTitle,
  linkFaults,
  promiseFaults,
  promiseRows,
  type PromiseRun,
} from './promise-ids.ts';
import { allPromiseRows } from './promises.ts';

const root = new URL('..', import.meta.url);
const MOST_WORDS = 40;

const page = [
  'Text with | a bar and S9.',
  '| id  | requirement   | state  | shown by |',
  '| --- | ------------- | ------ | -------- |',
  '| S1  | it is stable  | done   | [a.int](../libs/a.int.test.ts), [b](b.test.ts) of [c](../libs/c.ts) |',
  '| S2  | it is fast    | partly | a test   |',
].join('\n');

const run = (more: Partial<PromiseRun>): PromiseRun => ({
  rows: promiseRows('page.md', page),
  tests: [{ titles: ['a suite', 'S1: it is stable'], passed: true }],
  onlyVerify: [],
  isInstalled: () => false,
  ...more,
});

describe('the rows of a page', () => {
  it('the rows of a table with states are done where they say so', () => {
    expect(promiseRows('docs/page.md', page)).toMatchObject([
      { id: 'S1', text: 'it is stable', done: true, tests: ['libs/a.int.test.ts', 'docs/b.test.ts'] },
      { id: 'S2', text: 'it is fast', done: false, tests: [] },
    ]);
  });

  it('the rows of a table without states are all done', () => {
    const table = '| id  | # | promise |\n| G1a | 1 | kept    |';
    expect(promiseRows('p', table)).toEqual([{ id: 'G1a', page: 'p', text: 'kept', done: true, tests: [] }]);
  });

  it('both pages have rows, each with an id of its own and a text', () => {
    const rows = allPromiseRows();
    expect(rows.filter(({ id }) => id.startsWith('G')).length).toBeGreaterThan(80);
    expect(rows.filter(({ id }) => id.startsWith('S')).length).toBe(72);
    expect(rows.filter(({ text }) => text === '')).toEqual([]);
  });

  it('a guarantee has at most 40 words; where it ends stands below the table', () => {
    const long = allPromiseRows().filter(
      ({ id, text }) => id.startsWith('G') && text.split(/\s+/).length > MOST_WORDS,
    );
    expect(long.map(({ id }) => id)).toEqual([]);
  });

  it('README has eight promises, each one sentence that is true as it stands', () => {
    const readme = readFileSync(new URL('README.md', root), 'utf8');
    const section = /## What is guaranteed\n([^]*?)\n## /.exec(readme)?.[1] ?? '';
    const promises = section.split('\n').filter((line) => /^\d\. /.test(line));
    expect(promises).toHaveLength(8);
    for (const promise of promises) {
      expect(promise).toMatch(/^\d\. [A-Z][^.]*\.$/);
      expect(promise).not.toMatch(/except|unless/i);
    }
  });
});

describe('the ids of a title', () => {
  it.each([
    ['S31: a saga that is undone', ['S31']],
    ['S31, G6b: a saga that is undone', ['S31', 'G6b']],
    ['a saga S31: that is undone', []],
    ['S31 a saga that is undone', []],
    ['T1: a test that has no id', []],
  ])('“%s” has the ids %j', (title, ids) => {
    expect(idsOfTitle(title)).toEqual(ids);
    expect(idsInSource(`it.each(rows)('${title}', () => {})`)).toEqual(ids);
  });

  it('a title that begins with a quoted word has its ids, and a text that ends behind them is no title', () => {
    expect(
      idsInSource("it('S31: `a saga` is undone', f); it(`S32: 'a' is`, f); const prefix = 'S33: ';"),
    ).toEqual(['S31', 'S32']);
  });
});

describe('the check of a whole run', () => {
  it('a run in which each done row has a passed test has no fault', () => {
    expect(promiseFaults(run({}))).toEqual([]);
  });

  it('a suite may have the id of its tests', () => {
    expect(promiseFaults(run({ tests: [{ titles: ['S1: a suite', 'a test'], passed: true }] }))).toEqual([]);
  });

  it.each<[string, Partial<PromiseRun>, RegExp]>([
    ['a done row without a test', { tests: [] }, /^page.md: S1 \(it is stable\) has no test. Write “S1: ”/],
    [
      'a done row whose test was skipped',
      { tests: [{ titles: ['S1: it is stable'], passed: false }] },
      /^page.md: S1 .* is not shown: “S1: it is stable” was skipped or failed/,
    ],
    [
      'a title whose id is no row',
      { tests: [...run({}).tests, { titles: ['S1, S3: it is true'], passed: true }] },
      /^S3 in the title “S1, S3: it is true” is no row/,
    ],
    [
      'two rows with one id',
      { rows: [...run({}).rows, ...run({}).rows.slice(1)] },
      /^page.md: S2 is the id of two/,
    ],
    [
      'an entry whose id is no row',
      { onlyVerify: [{ id: 'S3', part: 'drills' }] },
      /only-verify.ts: S3 is no row/,
    ],
    [
      'an entry that a test makes needless',
      { onlyVerify: [{ id: 'S1', part: 'drills' }] },
      /only-verify.ts: S1 is shown by a test/,
    ],
    [
      'a skipped test although the program that it needs is installed',
      { tests: [], onlyVerify: [{ id: 'S1', tool: 'pooler' }], isInstalled: () => true },
      /^page.md: S1 /,
    ],
  ])('%s is the only fault', (_, more, fault) => {
    expect(promiseFaults(run(more))).toEqual([expect.stringMatching(fault)]);
  });

  it('a row that only `verify` shows needs no test', () => {
    expect(promiseFaults(run({ tests: [], onlyVerify: [{ id: 'S1', part: 'drills' }] }))).toEqual([]);
  });

  it.each([true, false])(
    'a row whose test needs a tool that is missing has no fault (passed: %s)',
    (passed) => {
      const tests = [{ titles: ['S1: it is stable'], passed }];
      expect(promiseFaults(run({ tests, onlyVerify: [{ id: 'S1', tool: 'pooler' }] }))).toEqual([]);
    },
  );
});

describe('the links of a row', () => {
  const rows = promiseRows('docs/page.md', page);

  it('a test that has the id of the row that links it is no fault', () => {
    expect(linkFaults(rows, () => ['S1'])).toEqual([]);
  });

  it('a test without the id of the row that links it is a fault that says what to write', () => {
    expect(linkFaults(rows, (file) => (file === 'docs/b.test.ts' ? ['S2'] : ['S1', 'S2']))).toEqual([
      'docs/page.md: S1 links docs/b.test.ts, where no title has its id. Write “S1: ” before the title of the test that shows it, or drop the link.',
    ]);
  });

  it('a test that a row links twice is a fault', () => {
    const [row] = rows;
    const twice = { ...row!, tests: ['a.test.ts', 'a.test.ts'] };
    expect(linkFaults([twice], () => ['S1'])).toEqual([expect.stringContaining('links a.test.ts twice')]);
  });
});

it('each test that a row links has the id of that row in one of its titles', () => {
  const idsOfFile = (file: string) => idsInSource(readFileSync(new URL(file, root), 'utf8'));
  expect(linkFaults(allPromiseRows(), idsOfFile)).toEqual([]);
});

/** `x.test.ts`, `x.int.test.ts` and `x.e2e.test.ts`: any other suffix is that of a part of `make verify`. */
const isFirstTier = (file: string): boolean => /^[^.]+(\.(int|e2e))?\.test\.ts$/.test(basename(file));

// The whole run decides; this finds a missing or wrong id within seconds.
it('every done row has its id in a title of a test of the first tier, or is listed in only-verify.ts', () => {
  const files = globSync('{libs,services,schemas,infra,docs,verification}/**/*.test.ts', {
    cwd: root.pathname,
    exclude: (name) => name === 'node_modules',
  });
  const tests = files.flatMap((file) =>
    idsInSource(readFileSync(new URL(file, root), 'utf8')).map((id) => ({
      titles: [`${id}: ${file}`],
      passed: isFirstTier(file),
    })),
  );
  expect(files.length).toBeGreaterThan(500);
  expect(promiseFaults({ rows: allPromiseRows(), tests, onlyVerify, isInstalled: () => true })).toEqual([]);
});

it('every part that is listed in only-verify.ts is one of verify, or `make check`', () => {
  const known = new Set([...parts.map(({ name }) => name), 'check']);
  expect(onlyVerify.filter((one) => 'part' in one && !known.has(one.part))).toEqual([]);
});
