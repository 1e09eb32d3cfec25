import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { shows, snippetsOf } from './snippets.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = ['README.md', ...globSync(['docs/*.md', 'docs/guides/**/*.md'], { cwd: root })];
// The templates of `converge init` are examples, too: tests run them.
const examples = globSync(['docs/examples/**/*.ts', 'libs/cli/templates/*/{src,test}/**/*.ts'], {
  cwd: root,
});
const tests = examples.filter((path) => path.endsWith('.test.ts'));

/** The examples that a test runs: the tests themselves, what they import or start, and what that imports. */
const tested = new Map<string, string>();
for (let next = tests; next.length > 0;) {
  for (const path of next) tested.set(path, read(path));
  next = examples.filter((path) => !tested.has(path) && next.some((user) => uses(user, path)));
}

function uses(user: string, path: string): boolean {
  const from = relative(dirname(user), path);
  const text = read(user);
  return (
    text.includes(`from '${from.startsWith('.') ? from : `./${from}`}'`) ||
    text.includes(`fileURLToPath(new URL('${from.startsWith('.') ? from : `./${from}`}'`)
  );
}

describe('the TypeScript of README and guides', () => {
  const snippets = pages.flatMap((page) => snippetsOf(page, read(page)));

  it('every TypeScript block of README and guides stands in an example that a test runs', () => {
    const without = snippets.filter((snippet) => ![...tested.values()].some((file) => shows(file, snippet)));
    expect(
      without.map(
        ({ page, line }) =>
          `${page}:${line} shows code that no tested example has: put it into a file of docs/examples that a test imports`,
      ),
    ).toEqual([]);
    expect(snippets.length).toBeGreaterThan(20);
  });

  it('a block is found whatever stands behind its language, and with the line at which it begins', () => {
    const page =
      'text\n\n```ts example\nconst a = 1;\n```\n\n- item\n\n  ```typescript\n  const b = 2;\n  ```\n\n```sh\nls\n```\n';
    expect(snippetsOf('p', page)).toEqual([
      { page: 'p', line: 3, code: 'const a = 1;\n' },
      { page: 'p', line: 9, code: '  const b = 2;\n' },
    ]);
  });

  it('a block stands in a file that has its lines in sequence, indented or not', () => {
    const file = 'function f() {\n  const a = 1;\n\n  if (a) {\n    g(a);\n  }\n}\n';
    expect(shows(file, { code: 'const a = 1;\n\nif (a) {\n  g(a);\n}\n' })).toBe(true);
    expect(shows(file, { code: 'const a = 1;\nif (a) {\n' })).toBe(false);
    expect(shows(file, { code: 'const a = 2;\n' })).toBe(false);
    expect(shows(file, { code: 'const a = 1' })).toBe(false);
  });
});

describe('the commands of README, guides and error texts', () => {
  // `npx converge` in a folder without the kit installs another package of that name from the registry.
  it('`npx` is given the name of a package of the kit, not of its command', () => {
    const texts = globSync(
      [
        '{README,CONTRIBUTING,SECURITY}.md',
        'docs/**/*.{md,ts}',
        '{libs,services}/*/README.md',
        'libs/*/{bin,src,templates}/**/*.{js,ts,md}',
      ],
      { cwd: root },
    ).filter((path) => path !== 'docs/snippets.test.ts');
    const wrong = texts.filter((path) => /npx (-\S+ )*converge(-console)?(?![\w-])/.test(read(path)));
    expect(wrong).toEqual([]);
    expect(texts.length).toBeGreaterThan(200);
  });
});
