import { expect, it } from 'vitest';
import { type Manifest, publishedBin, publishedManifest, publishedReadme } from './manifest.ts';
import { publishedManifests } from './workspaces.ts';

const origin = { url: 'https://host.test/owner/name', ref: 'v1.2.3' };

const core: Manifest = {
  name: '@x/core',
  version: '1.0.0',
  private: true,
  files: ['sql'],
  dependencies: { yaml: '2.0.0' },
  peerDependencies: { pg: '>=8', registry: '^4' },
  peerDependenciesMeta: { registry: { optional: true }, pg: { optional: true } },
};
const doors = {
  '.': { source: './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
  './engine': './src/engine.ts',
};
const publishing = { folder: 'libs/y', origin, needs: [core], kit: 'kit' };

it('the published kit installs what its private packages need, and has their files and an entry point for the others', () => {
  const manifest: Manifest = {
    name: 'kit',
    version: '1.0.0',
    files: ['bin', 'dist'],
    scripts: { build: 'b' },
    devDependencies: { z: '1' },
    dependencies: { '@x/core': '1.0.0', pino: '9.0.0' },
    peerDependencies: { pg: '>=8.1' },
    imports: { '#command': { source: './src/command.ts', default: './dist/command.js' } },
    exports: doors,
  };
  expect(publishedManifest(manifest, publishing)).toEqual({
    name: 'kit',
    version: '1.0.0',
    files: ['bin', 'dist', 'sql'],
    dependencies: { pino: '9.0.0', yaml: '2.0.0' },
    peerDependencies: { pg: '>=8.1', registry: '^4' },
    peerDependenciesMeta: { registry: { optional: true } },
    imports: { '#command': { default: './dist/command.js' } },
    exports: {
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './internal/*': { types: './dist/internal-*.d.ts', default: './dist/internal-*.js' },
      './package.json': './package.json',
    },
    repository: { type: 'git', url: 'git+https://host.test/owner/name.git', directory: 'libs/y' },
    publishConfig: { access: 'public' },
  });
});

it('another published package has the kit of its version as a peer in place of the private packages', () => {
  const manifest: Manifest = {
    name: '@x/nest',
    version: '1.0.0',
    files: ['dist'],
    dependencies: { '@x/core': '1.0.0' },
    exports: doors,
  };
  expect(publishedManifest(manifest, { ...publishing, origin: undefined })).toEqual({
    name: '@x/nest',
    version: '1.0.0',
    files: ['dist'],
    peerDependencies: { kit: '1.0.0' },
    exports: {
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './package.json': './package.json',
    },
    publishConfig: { access: 'public' },
  });
});

it('a published README links to the repository, and leaves other links as they are', () => {
  const text = '[a](../../docs/a.md#b) [c](src/c.ts) [d](https://d.test) [e](#e)';
  expect(publishedReadme(text, 'libs/y', origin)).toBe(
    '[a](https://host.test/owner/name/blob/v1.2.3/docs/a.md#b) [c](https://host.test/owner/name/blob/v1.2.3/libs/y/src/c.ts) [d](https://d.test) [e](#e)',
  );
  expect(publishedReadme(text, 'libs/y', undefined)).toBe(text);
});

it('a published command runs without the source condition', () => {
  expect(publishedBin('#!/usr/bin/env -S node --conditions=source\nrun();\n')).toBe(
    '#!/usr/bin/env node\nrun();\n',
  );
});

// npm keeps an optional peer of a package of production, also where the project names it for its development alone.
it('production installs no test kit and no console: the kit has neither as a peer', () => {
  const peers = publishedManifests().flatMap(({ name, peerDependencies = {} }) =>
    Object.keys(peerDependencies).map((peer) => `${name} → ${peer}`),
  );
  expect(peers).toContain('@convergekit/console → convergekit');
  expect(
    peers.filter((one) => /^convergekit → .*(testing|console|embedded|testcontainers)/.test(one)),
  ).toEqual([]);
});
