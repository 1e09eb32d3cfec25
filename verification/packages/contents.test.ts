import { expect, it } from 'vitest';
import { contentFaults, lacking, type PackedFile } from './contents.ts';

const file = (of: string, path: string, text = ''): PackedFile => ({ of, path, text });
const map = (of: string, path: string, ...sources: string[]) => file(of, path, JSON.stringify({ sources }));

it('a module in two files, a test, a source file and an import of a private package are faults of what is packed', () => {
  const good = [
    map('convergekit', 'dist/index.js.map', '../libs/core/src/ids.ts'),
    file('@convergekit/nest', 'dist/index.js', `import { a } from 'convergekit/internal/core';`),
    file('convergekit', 'dist/index.js', `await import('@convergekit/nest');`),
  ];
  expect(contentFaults(good)).toEqual([]);
  expect(
    contentFaults([
      ...good,
      map('@convergekit/nest', 'dist/index.js.map', '../libs/core/src/ids.ts'),
      map('convergekit', 'dist/a.js.map', '../libs/core/src/fixture/scene.ts'),
      file('convergekit', 'dist/index.ts'),
      file('convergekit', 'dist/b.d.ts', `import { A } from '@convergekit/core';`),
    ]),
  ).toEqual([
    '../libs/core/src/ids.ts is in convergekit/dist/index.js.map and @convergekit/nest/dist/index.js.map',
    'convergekit/dist/a.js.map has ../libs/core/src/fixture/scene.ts',
    'convergekit has dist/index.ts',
    'convergekit/dist/b.d.ts imports @convergekit/core',
  ]);
});

it('a package without its license is named', () => {
  expect(lacking([file('a', 'README.md')], ['a'])).toEqual(['a has no LICENSE']);
});
