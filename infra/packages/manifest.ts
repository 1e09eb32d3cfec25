type Versions = Readonly<Record<string, string>>;
type Conditions = Readonly<Record<string, string>>;

/** The fields of a package.json that publishing reads or changes. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly files?: readonly string[];
  /** Entry points. One that is only a path is for this repository, and not published. */
  readonly exports?: Readonly<Record<string, string | Conditions>>;
  readonly imports?: Readonly<Record<string, Conditions>>;
  readonly dependencies?: Versions;
  readonly peerDependencies?: Versions;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly [field: string]: unknown;
}

/** The repository from which a package is published: provenance compares it with the place of the build. */
export interface Origin {
  /** `https://host/owner/name`. */
  readonly url: string;
  /** The commit or tag to which links in a README point. */
  readonly ref: string;
}

const FOR_THE_REPOSITORY: readonly string[] = ['scripts', 'devDependencies', 'dependencies'];

export interface Publishing {
  readonly folder: string;
  readonly origin: Origin | undefined;
  /** The private packages that it needs. */
  readonly needs: readonly Manifest[];
  /** The name of the package that has the code of private packages. */
  readonly kit: string;
}

/**
 * The package.json of a published package (pure). Without the condition `source`, whose files are not published, and without
 * what only the repository needs. The kit has the code of private packages, so it installs what they install; any other has
 * the kit of the same version as its peer.
 */
export function publishedManifest(manifest: Manifest, { folder, origin, needs, kit }: Publishing): Manifest {
  const isKit = manifest.name === kit;
  const isPrivate = (name: string): boolean => needs.some((one) => one.name === name);
  const merged = isKit ? [manifest, ...needs] : [manifest];
  const dependencies = only(union(merged.map((one) => one.dependencies ?? {})), (name) => !isPrivate(name));
  const peers = union(merged.map((one) => one.peerDependencies ?? {}));
  const peerDependencies = only(
    isKit ? peers : { ...peers, [kit]: manifest.version },
    (name) => !(name in dependencies),
  );
  const doors = Object.entries(manifest.exports ?? {}).flatMap(([door, to]) =>
    typeof to === 'string' ? [] : [[door, only(to, isForUsers)] as const],
  );
  const internal = { types: './dist/internal-*.d.ts', default: './dist/internal-*.js' };
  const { imports, ...fields } = manifest;
  const kept = only(fields, (field) => !FOR_THE_REPOSITORY.includes(field)) as unknown as Manifest;
  // A peer that the package names itself is optional if it says so itself.
  const named = manifest.peerDependencies ?? {};
  const meta = union(
    merged.map((one) =>
      only(one.peerDependenciesMeta ?? {}, (name) => name in peers && (one === manifest || !(name in named))),
    ),
  );
  return {
    ...kept,
    ...(origin !== undefined && {
      repository: { type: 'git', url: `git+${origin.url}.git`, directory: folder },
    }),
    exports: {
      ...Object.fromEntries(doors),
      ...(isKit && { './internal/*': internal }),
      './package.json': './package.json',
    },
    ...(imports !== undefined && {
      imports: Object.fromEntries(Object.entries(imports).map(([name, to]) => [name, only(to, isForUsers)])),
    }),
    files: [...new Set(merged.flatMap(({ files = [] }) => files))].toSorted(),
    ...(Object.keys(dependencies).length > 0 && { dependencies }),
    peerDependencies,
    ...(Object.keys(meta).length > 0 && { peerDependenciesMeta: meta }),
    publishConfig: { access: 'public' },
  };
}

const isForUsers = (condition: string): boolean => condition !== 'source';

function only<T>(fields: Readonly<Record<string, T>>, isKept: (name: string) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => isKept(name)));
}

/** Joins lists of packages, sorted. Of one name the first list decides: it is that of the published package. */
function union<T>(lists: readonly Readonly<Record<string, T>>[]): Readonly<Record<string, T>> {
  const entries = lists.toReversed().flatMap((list) => Object.entries(list));
  return Object.fromEntries([...new Map(entries)].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The README of a published package (pure): links into the repository become absolute where it is known. */
export function publishedReadme(text: string, folder: string, origin: Origin | undefined): string {
  if (origin === undefined) return text;
  return text.replaceAll(/\]\((?!https?:|#)([^)\s]+)\)/g, (_, path: string) => {
    const { pathname, hash } = new URL(path, `https://host/${folder}/`);
    return `](${origin.url}/blob/${origin.ref}${pathname}${hash})`;
  });
}

/** The command of a published package (pure): its code is in `dist`, so it needs no condition. */
export function publishedBin(text: string): string {
  return text.replace(/^#!.*\n/, '#!/usr/bin/env node\n');
}
