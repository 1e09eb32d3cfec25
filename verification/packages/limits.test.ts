import { expect, it } from 'vitest';
import { publishedManifests } from '../../infra/packages/workspaces.ts';
import { overLimit, tooLarge } from './limits.ts';
import { LOWEST, NEST } from './peers.ts';

it('a project over its limits is named with each package that it must not bring', () => {
  const many = Array.from({ length: 46 }, (_, n) => `a${n}@1.0.0`);
  expect(overLimit('service', many)).toEqual(['service: 46 packages, limit 45']);
  expect(overLimit('service', ['nx@1.0.0', '@opentelemetry/api@1.9.0', 'pg-types@2.0.0'])).toEqual([
    'service: brings nx@1.0.0',
  ]);
  expect(tooLarge([{ name: 'a', bytes: 10_000_000 } as never])).toHaveLength(1);
});

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const requiredPeers = ({ peerDependencies = {}, peerDependenciesMeta = {} }: Manifest): readonly string[] =>
  Object.keys(peerDependencies).filter((peer) => peerDependenciesMeta[peer]?.optional !== true);

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

// pnpm gives a package only the peers that the packages above it declare.
it('a package declares the peers of every package that it needs', () => {
  for (const { name, dependencies = {}, peerDependencies = {} } of manifests)
    for (const needed of manifests)
      if (name !== needed.name && needed.name in peerDependencies && needed.name === 'convergekit')
        for (const peer of requiredPeers(needed))
          expect([name, { ...dependencies, ...peerDependencies }]).toEqual([
            name,
            expect.objectContaining({ [peer]: expect.any(String) as string }),
          ]);
});
