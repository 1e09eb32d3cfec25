/** The fields of a package.json that publishing reads or changes. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly files?: readonly string[];
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly [field: string]: unknown;
}

/** The repository from which a package is published: provenance compares it with the place of the build. */
export interface Origin {
  /** `https://host/owner/name`. */
  readonly url: string;
  /** The commit or tag to which links in a README point. */
  readonly ref: string;
}

/**
 * The package.json of a published package (pure). Without the condition `source`, whose files are not published, and
 * without what only the repository needs.
 */
export function publishedManifest(manifest: Manifest, folder: string, origin: Origin | undefined): Manifest {
  const kept = without(manifest, 'scripts', 'devDependencies');
  const doors = Object.entries(manifest.exports ?? {}).map(
    ([door, conditions]) => [door, without(conditions, 'source')] as const,
  );
  return {
    ...kept,
    ...(origin === undefined
      ? {}
      : { repository: { type: 'git', url: `git+${origin.url}.git`, directory: folder } }),
    exports: { ...Object.fromEntries(doors), './package.json': './package.json' } as never,
    publishConfig: { access: 'public' },
  };
}

function without<T extends object>(fields: T, ...names: readonly string[]): T {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name))) as T;
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

/** Compiled code without the pointer to its source map (pure): sources and maps are not published. */
export function withoutSourceMap(text: string): string {
  return text.replace(/\n?\/\/# sourceMappingURL=\S+\s*$/, '\n');
}
