import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Manifest } from '../packages/manifest.ts';

/** A package of this repository, and its folder. */
export interface PublishedPackage {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The packages of this repository that are published. */
export function publishedPackages(root: string): readonly PublishedPackage[] {
  return globSync('{libs,services}/*/package.json', { cwd: root })
    .map((path) => ({
      folder: dirname(path),
      manifest: JSON.parse(readFileSync(join(root, path), 'utf8')) as Manifest,
    }))
    .filter(({ manifest }) => manifest.private !== true);
}

/** The foreign packages that the published ones name, as dependencies or as peers, sorted. Pure. */
export function foreignNames(packages: readonly Manifest[]): readonly string[] {
  const names = packages.flatMap((manifest) => [
    ...Object.keys(manifest['dependencies'] ?? {}),
    ...Object.keys(manifest['peerDependencies'] ?? {}),
  ]);
  return [...new Set(names)].filter((name) => !name.startsWith('@convergekit/')).toSorted();
}

/** The packages with a row in docs/dependencies.md, sorted. Pure. */
export function explainedNames(page: string): readonly string[] {
  return [...page.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name ?? '').toSorted();
}

/** Names dependencies without a row, and rows without a dependency. Pure. */
export function unexplained(packages: readonly Manifest[], page: string): readonly string[] {
  const named = foreignNames(packages);
  const rows = explainedNames(page);
  return [
    ...named
      .filter((name) => !rows.includes(name))
      .map((name) => `docs/dependencies.md has no row for ${name}: say what it is for and who keeps it`),
    ...rows
      .filter((name) => !named.includes(name))
      .map((name) => `docs/dependencies.md has a row for ${name}, on which no published package depends`),
  ];
}
