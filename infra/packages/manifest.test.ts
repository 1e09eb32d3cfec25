import { expect, it } from 'vitest';
import { publishedBin, publishedManifest, publishedReadme, withoutSourceMap } from './manifest.ts';

const origin = { url: 'https://host.test/owner/name', ref: 'v1.2.3' };

it('a published manifest has no source condition, no scripts and no development dependencies', () => {
  const manifest = {
    name: '@x/y',
    version: '1.0.0',
    scripts: { build: 'b' },
    devDependencies: { z: '1' },
    dependencies: { core: '1.0.0' },
    exports: { '.': { source: './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' } },
  };
  expect(publishedManifest(manifest, 'libs/y', origin)).toEqual({
    name: '@x/y',
    version: '1.0.0',
    dependencies: { core: '1.0.0' },
    exports: {
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './package.json': './package.json',
    },
    repository: { type: 'git', url: 'git+https://host.test/owner/name.git', directory: 'libs/y' },
    publishConfig: { access: 'public' },
  });
  expect(publishedManifest(manifest, 'libs/y', undefined)).not.toHaveProperty('repository');
});

it('a published README links to the repository, and leaves other links as they are', () => {
  const text = '[a](../../docs/a.md#b) [c](src/c.ts) [d](https://d.test) [e](#e)';
  expect(publishedReadme(text, 'libs/y', origin)).toBe(
    '[a](https://host.test/owner/name/blob/v1.2.3/docs/a.md#b) [c](https://host.test/owner/name/blob/v1.2.3/libs/y/src/c.ts) [d](https://d.test) [e](#e)',
  );
  expect(publishedReadme(text, 'libs/y', undefined)).toBe(text);
});

it('a published command runs without the source condition, and published code names no source map', () => {
  expect(publishedBin('#!/usr/bin/env -S node --conditions=source\nrun();\n')).toBe(
    '#!/usr/bin/env node\nrun();\n',
  );
  expect(withoutSourceMap('a();\n//# sourceMappingURL=a.js.map')).toBe('a();\n');
});
