import { expect, it } from 'vitest';
import { publishedManifests } from '../../infra/packages/workspaces.ts';
import { overLimit, tooLarge } from './limits.ts';
import { LOWEST, NEST } from './peers.ts';

it('a project over its limits is named with each package that it must not bring', () => {
  const many = Array.from({ length: 39 }, (_, n) => `a${n}@1.0.0`);
  expect(overLimit('service', many)).toEqual(['service: 39 packages, limit 38']);
  expect(overLimit('service', ['nx@1.0.0', '@opentelemetry/api@1.9.0', 'pg-types@2.0.0'])).toEqual([
    'service: brings nx@1.0.0',
  ]);
  expect(tooLarge([{ name: 'a', bytes: 10_000_000 } as never])).toHaveLength(1);
});

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const manifests: readonly Manifest[] = publishedManifests();

it('the range of each peer begins with the lowest version that is tried', () => {
  for (const { name, peerDependencies = {} } of manifests)
    for (const [peer, lowest] of Object.entries(LOWEST))
      if (peerDependencies[peer] !== undefined)
        expect(`${name} ${peer} ${peerDependencies[peer].replace(/^(>=|\^)/, '').split(' ')[0] ?? ''}`).toBe(
          `${name} ${peer} ${lowest}`,
        );
});

it('the range for Nest has both ends that are tried', () => {
  const { peerDependencies = {} } = manifests.find(({ name }) => name === '@convergekit/nest') ?? {};
  expect(peerDependencies['@nestjs/common']).toBe(`^${NEST.lowest} || ${NEST.newest}`);
});

it('no published package brings another: the kit is a peer of its exact version, so a program has one copy of it', () => {
  for (const { name, version, dependencies = {}, peerDependencies = {} } of manifests) {
    expect(Object.keys(dependencies).filter((one) => one.includes('convergekit'))).toEqual([]);
    if (name !== 'convergekit') expect([name, peerDependencies['convergekit']]).toEqual([name, version]);
  }
  expect(manifests.map(({ name }) => name).toSorted()).toEqual([
    '@convergekit/console',
    '@convergekit/nest',
    '@convergekit/testing',
    'convergekit',
  ]);
});
