import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Manifest, publishedManifest } from './manifest.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The published package that has the code of all private ones. */
export const KIT = 'convergekit';

/** A package of this repository, and its folder. */
export interface Workspace {
  readonly folder: string;
  readonly manifest: Manifest;
}

const all: readonly Workspace[] = globSync('{libs,services}/*/package.json', { cwd: root })
  .toSorted()
  .map((path) => ({
    folder: dirname(path),
    manifest: JSON.parse(readFileSync(join(root, path), 'utf8')) as Manifest,
  }));
const byName = new Map(all.map((one) => [one.manifest.name, one]));

const isPublished = ({ manifest }: Workspace): boolean => manifest.private !== true;

/** The packages of this repository that are published, by their folders. */
export function publishedPackages(): readonly Workspace[] {
  return all.filter(isPublished);
}

/** The private packages that a published one needs, and those that they need in turn. */
export function privateNeeds(manifest: Manifest): readonly Workspace[] {
  const found = new Set<Workspace>();
  const add = ({ dependencies = {} }: Manifest): void => {
    for (const name of Object.keys(dependencies)) {
      const one = byName.get(name);
      if (one === undefined || isPublished(one) || found.has(one)) continue;
      found.add(one);
      add(one.manifest);
    }
  };
  add(manifest);
  return [...found].toSorted((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** The package.json of each published package, as it is published. */
export function publishedManifests(): readonly Manifest[] {
  return publishedPackages().map(({ folder, manifest }) => {
    const needs = privateNeeds(manifest).map((need) => need.manifest);
    return publishedManifest(manifest, { folder, origin: undefined, needs, kit: KIT });
  });
}

/** An import of a package of this repository. */
export interface OwnImport {
  readonly isPublished: boolean;
  readonly name: string;
  /** The source file of the entry point. */
  readonly source: string;
  /** Its compiled declarations. */
  readonly types: string;
  /** How a published package imports it from the kit: `convergekit/internal/postgres-engine`. */
  readonly internal: string;
}

/** Finds what an import names; undefined for a package of others. */
export function ownImport(id: string): OwnImport | undefined {
  const [name = ''] = /^(@[^/]+\/)?[^/]+/.exec(id) ?? [];
  const one = byName.get(name);
  if (one === undefined) return undefined;
  const door = one.manifest.exports?.[`.${id.slice(name.length)}`];
  const source = typeof door === 'string' ? door : door?.['source'];
  if (source === undefined) throw new Error(`${id} is no entry point of ${one.folder}/package.json`);
  return {
    isPublished: isPublished(one),
    name,
    source: join(root, one.folder, source),
    types: join(root, one.folder, source.replace('./src/', './dist/').replace(/\.ts$/, '.d.ts')),
    internal: `${KIT}/internal/${id.slice('@convergekit/'.length).replaceAll('/', '-')}`,
  };
}
