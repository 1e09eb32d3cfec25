import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Packed } from '../../infra/packages/stage.ts';

/** A file of a packed package, by its path in it. */
export interface PackedFile {
  readonly of: string;
  readonly path: string;
  readonly text: string;
}

/** Reads the folders that were packed. */
export function filesOf(packed: readonly Packed[]): readonly PackedFile[] {
  return packed.flatMap(({ name, folder }) =>
    globSync('**/*', { cwd: folder, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => {
        const path = join(file.parentPath, file.name);
        return { of: name, path: path.slice(folder.length + 1), text: readFileSync(path, 'utf8') };
      }),
  );
}

/** The sources from which code was built, by its source map. */
const sourcesOf = ({ text }: PackedFile): readonly string[] =>
  (JSON.parse(text) as { readonly sources: readonly string[] }).sources;

/**
 * Names what packages must not have (pure): a module twice, which would be two classes and two states of one name; code of tests
 * or of others; an import of a package that is not published.
 */
export function contentFaults(files: readonly PackedFile[]): readonly string[] {
  const places = files
    .filter(({ path }) => path.endsWith('.map'))
    .flatMap((file) => sourcesOf(file).map((source) => ({ source, place: `${file.of}/${file.path}` })));
  const twice = [...Map.groupBy(places, ({ source }) => source)].filter(([, all]) => all.length > 1);
  const published = new Set(files.map(({ of }) => of));
  return [
    ...twice.map(([source, all]) => `${source} is in ${all.map(({ place }) => place).join(' and ')}`),
    ...places
      .filter(({ source }) => /\.test\.ts$|\/fixture\/|node_modules/.test(source))
      .map(({ source, place }) => `${place} has ${source}`),
    ...files
      .filter(({ path }) => path.startsWith('dist/') && !/\.(js|js\.map|d\.ts)$/.test(path))
      .map(({ of, path }) => `${of} has ${path}`),
    ...files
      .filter(({ path }) => /^(dist|bin)\/.*\.(js|d\.ts)$/.test(path))
      .flatMap(({ of, path, text }) =>
        [...text.matchAll(/(?:from |import\()['"](@convergekit\/[^/'"]+)/g)].flatMap(([, id = '']) =>
          published.has(id) ? [] : [`${of}/${path} imports ${id}`],
        ),
      ),
  ];
}

/** Names the packages that lack a license or a README (pure). */
export function lacking(files: readonly PackedFile[], names: readonly string[]): readonly string[] {
  return names.flatMap((name) =>
    ['LICENSE', 'README.md'].flatMap((path) =>
      files.some((file) => file.of === name && file.path === path) ? [] : [`${name} has no ${path}`],
    ),
  );
}
