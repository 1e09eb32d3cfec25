import { expect, it } from 'vitest';
import { billOf, countsOf, faultsOf } from './bill.ts';
import { closureOf, lockFile } from './lock.ts';

const integrity = `sha512-${Buffer.from('ab', 'hex').toString('base64')}`;
const foreign = { version: '1.0.0', license: 'MIT', integrity };
const lock = lockFile.parse({
  packages: {
    '': { devDependencies: { tool: '1.0.0' } },
    'libs/kit': {
      name: 'convergekit',
      version: '0.1.0',
      license: 'Apache-2.0',
      dependencies: { '@convergekit/core': '0.1.0', shared: '^2.0.0' },
      peerDependencies: { pg: '>=8', testcontainers: '*' },
      peerDependenciesMeta: { testcontainers: { optional: true } },
    },
    'libs/core': {
      name: '@convergekit/core',
      version: '0.1.0',
      license: 'Apache-2.0',
      dependencies: { shared: '^1.0.0' },
    },
    'libs/kit/node_modules/shared': {
      ...foreign,
      version: '2.0.0',
      dependencies: { deep: '*' },
      optionalDependencies: { fsevents: '*' },
    },
    'node_modules/@convergekit/core': { resolved: 'libs/core', link: true },
    'node_modules/shared': { ...foreign, dependencies: { deep: '*' } },
    'node_modules/deep': { ...foreign, license: '(MIT OR GPL-3.0-only)' },
    'node_modules/pg': foreign,
    'node_modules/testcontainers': foreign,
    'node_modules/tool': foreign,
  },
});
const { metadata, components, dependencies } = billOf(
  closureOf(lock, ['libs/kit', 'libs/core']),
  'convergekit',
);

it('a bill has what the packages bring, each version of it, and their peers; no tools and no optional peers', () => {
  expect(metadata.component.purl).toBe('pkg:npm/convergekit@0.1.0');
  expect(components.map(({ purl }) => purl)).toEqual([
    'pkg:npm/%40convergekit/core@0.1.0',
    'pkg:npm/deep@1.0.0',
    'pkg:npm/pg@1.0.0',
    'pkg:npm/shared@1.0.0',
    'pkg:npm/shared@2.0.0',
  ]);
  expect(dependencies).toContainEqual({
    ref: 'convergekit@0.1.0',
    dependsOn: ['@convergekit/core@0.1.0', 'pg@1.0.0', 'shared@2.0.0'],
  });
  expect(dependencies).toContainEqual({ ref: '@convergekit/core@0.1.0', dependsOn: ['shared@1.0.0'] });
  expect(components[1]?.hashes).toEqual([{ alg: 'SHA-512', content: 'ab' }]);
});

it('a lock that lacks a dependency is refused', () => {
  const broken = { packages: { ...lock.packages } };
  delete broken.packages['node_modules/pg'];
  expect(() => closureOf(broken, ['libs/kit'])).toThrow(
    'package-lock.json has no pg, which libs/kit needs: run npm install',
  );
});

it('a license that is not on the list, no license and no hash are named with their package', () => {
  const [core, deep, pg] = components;
  const faults = faultsOf([
    core!,
    deep!,
    { ...pg!, 'bom-ref': 'copyleft@1.0.0', licenses: [{ expression: 'GPL-3.0-only' }] },
    { ...pg!, 'bom-ref': 'bare@1.0.0', licenses: [] },
    { ...pg!, 'bom-ref': 'unhashed@1.0.0', hashes: [] },
  ]);
  expect(faults.map((fault) => fault.split(',')[0])).toEqual([
    'deep@1.0.0 has the license (MIT OR GPL-3.0-only)',
    'copyleft@1.0.0 has the license GPL-3.0-only',
    'bare@1.0.0 has the license (none)',
    'unhashed@1.0.0 has no hash in package-lock.json: run npm install for it again',
  ]);
});

it('the report counts components by license', () => {
  expect(countsOf(components)).toEqual([
    ['MIT', 3],
    ['Apache-2.0', 1],
    ['(MIT OR GPL-3.0-only)', 1],
  ]);
});
