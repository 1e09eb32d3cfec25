import { z } from 'zod';

const names = z.record(z.string(), z.string()).default({});

const locked = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  license: z.string().default(''),
  /** `sha512-…` in base64. Absent for packages of this repository. */
  integrity: z.string().optional(),
  link: z.boolean().default(false),
  /** The folder of a link. */
  resolved: z.string().optional(),
  dependencies: names,
  optionalDependencies: names,
  peerDependencies: names,
  peerDependenciesMeta: z
    .record(z.string(), z.looseObject({ optional: z.boolean().default(false) }))
    .default({}),
});

/** A package-lock.json, as far as it is read here: its packages by their places. */
export const lockFile = z.looseObject({ packages: z.record(z.string(), locked) });

export type LockFile = z.infer<typeof lockFile>;

/** A package of the lock, and the places of what it needs. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly integrity: string | undefined;
  readonly needs: readonly string[];
}

/**
 * Finds everything that packages bring, by the rule of Node: the nearest `node_modules` above has it. Pure.
 * Peers are included, except optional ones: those are the user's choice. What the lock lacks is an error.
 */
export function closureOf(
  { packages }: LockFile,
  roots: readonly string[],
): ReadonlyMap<string, LockedPackage> {
  const found = new Map<string, LockedPackage>();
  const open = [...roots];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const one = packages[place];
    if (one === undefined) throw new Error(`package-lock.json has no ${place}: run npm install`);
    if (found.has(place)) continue;
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = one;
    const isWanted = (name: string): boolean => peerDependenciesMeta[name]?.optional !== true;
    const wanted = [...Object.keys(dependencies), ...Object.keys(peerDependencies).filter(isWanted)];
    const needs = new Set<string>();
    for (const name of wanted) {
      const at = placeOf(packages, place, name);
      if (at !== undefined) needs.add(at);
      else if (optionalDependencies[name] === undefined)
        throw new Error(`package-lock.json has no ${name}, which ${place} needs: run npm install`);
    }
    for (const name of Object.keys(optionalDependencies)) {
      const at = placeOf(packages, place, name);
      if (at !== undefined) needs.add(at);
    }
    found.set(place, {
      name: one.name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: one.version ?? '',
      license: one.license,
      integrity: one.integrity,
      needs: [...needs],
    });
    open.push(...needs);
  }
  return found;
}

/** The place of a dependency of the package at `from`; undefined where the lock has none. */
function placeOf(packages: LockFile['packages'], from: string, name: string): string | undefined {
  for (let folder = from; ; folder = above(folder)) {
    const place = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    const one = packages[place];
    if (one !== undefined) return one.link ? one.resolved : place;
    if (folder === '') return undefined;
  }
}

/** The package around this one: `a/node_modules/b` is in `a`, and a workspace in the repository. */
function above(folder: string): string {
  const at = folder.lastIndexOf('/node_modules/');
  return at < 0 ? '' : folder.slice(0, at);
}
