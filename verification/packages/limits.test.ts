import { expect, it } from 'vitest';
import { publishedPackages } from '../../infra/packages/stage.ts';
import { overLimit, tooLarge } from './limits.ts';
import { LOWEST, LOWEST_TO_EMIT, NEST } from './peers.ts';

it('a project over its limits is named with each package that it must not bring', () => {
  const many = Array.from({ length: 16 }, (_, n) => `a${n}@1.0.0`);
  expect(overLimit('emit', many)).toEqual(['emit: 16 packages, limit 10']);
  expect(overLimit('emit', ['@grpc/grpc-js@1.0.0', '@opentelemetry/api@1.9.0', 'pg-types@2.0.0'])).toEqual([
    'emit: brings @grpc/grpc-js@1.0.0',
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

const manifests = publishedPackages().map(({ manifest }) => manifest as unknown as Manifest);

it('the range of each peer begins with the lowest version that is tried', () => {
  const withSdk = ['@convergekit/cli', '@convergekit/console', 'convergekit'];
  for (const { name, peerDependencies = {} } of manifests)
    for (const [peer, lowest] of Object.entries(withSdk.includes(name) ? LOWEST : LOWEST_TO_EMIT))
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
      if (dependencies[needed.name] !== undefined)
        for (const peer of requiredPeers(needed))
          expect([name, { ...dependencies, ...peerDependencies }]).toEqual([
            name,
            expect.objectContaining({ [peer]: expect.any(String) as string }),
          ]);
});
