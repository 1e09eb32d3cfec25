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
