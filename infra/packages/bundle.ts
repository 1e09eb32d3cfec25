import { builtinModules } from 'node:module';
import { isAbsolute, join, relative } from 'node:path';
import {
  type OutputAsset,
  type OutputChunk,
  type OutputOptions,
  rolldown,
  type RolldownPlugin,
} from 'rolldown';
import { dts } from 'rolldown-plugin-dts';
import type { Manifest } from './manifest.ts';
import { ownImport, root, type Workspace } from './workspaces.ts';

/** A file below `dist` of a published package. */
export interface BuiltFile {
  readonly path: string;
  readonly text: string;
}

/** What a package is built into. */
export interface Built {
  readonly files: readonly BuiltFile[];
  /** The imports of private packages that it takes from the kit, by their names in the source. */
  readonly internals: readonly string[];
}

/** How code of one package sees the others. */
interface View {
  /** True for the kit, which has the code of private packages in itself. */
  readonly bundles: boolean;
  readonly internals: Set<string>;
}

type Form = 'code' | 'types';

/**
 * Builds a published package: one file of each entry point and files that they share, once as code with source maps and once
 * as declarations. Packages of others stay imports. `internals` are entry points of private packages, for the kit alone.
 */
export async function build(
  { folder, manifest }: Workspace,
  internals?: readonly string[],
  forms: readonly Form[] = ['code', 'types'],
): Promise<Built> {
  const view: View = { bundles: internals !== undefined, internals: new Set() };
  const doors = [
    ...Object.values(manifest.exports ?? {}).flatMap((door) => (typeof door === 'string' ? [] : [door])),
    ...Object.values(manifest.imports ?? {}),
  ];
  const files: BuiltFile[] = [];
  for (const form of forms) {
    const input: Record<string, string> = {};
    for (const { source = '', types = '', default: code = '' } of doors)
      if (form === 'code') input[nameOf(code)] = `${REEXPORT}${join(root, folder, source)}`;
      else if (types !== '') input[nameOf(code)] = join(root, folder, types);
    for (const id of internals ?? []) {
      const own = ownImport(id);
      if (own === undefined) continue;
      const name = own.internal.replace(/^.*\/internal\//, 'internal-');
      input[name] = form === 'code' ? `${REEXPORT}${own.source}` : own.types;
    }
    files.push(...(await bundle(input, form, view)));
  }
  return { files, internals: [...view.internals].toSorted() };
}

const pathOf = (form: Form) => (form === 'code' ? 'source' : 'types');

/**
 * A module that exports what another one does. An index that were an entry point itself would be loaded whole, with all that it
 * names, by each entry point that imports one name of it; and its file would export what its modules need of each other.
 */
const REEXPORT = '\0reexport:';

async function bundle(input: Record<string, string>, form: Form, view: View): Promise<readonly BuiltFile[]> {
  const extension = form === 'code' ? '.js' : '.d.ts';
  const built = await rolldown({
    input,
    platform: 'node',
    plugins: [
      workspaces(form, view),
      form === 'types' && dts({ emitDtsOnly: true, tsconfig: false, sourcemap: false }),
    ],
    transform: { target: 'es2024' },
    checks: { bundlerTimings: false },
    // No module of the kit does anything at its import: an entry point loads what it exports, and no more.
    treeshake: { moduleSideEffects: false },
    // Entry points only export what other modules do, so nothing is added to them.
    preserveEntrySignatures: 'allow-extension',
  });
  const options: OutputOptions = {
    format: 'esm',
    entryFileNames: `[name]${extension}`,
    chunkFileNames: ({ moduleIds }) => `${packageOf(moduleIds)}-[hash]${extension}`,
    sourcemap: form === 'code',
    // Editors show the comments of the declarations.
    comments: { jsdoc: form === 'types' },
  };
  let { output } = await built.generate(options);
  if (form === 'code') {
    const loadedTogether = togetherIn(output);
    const name = (id: string): string | null => loadedTogether.get(id) ?? null;
    ({ output } = await built.generate({
      ...options,
      codeSplitting: { groups: [{ name }], includeDependenciesRecursively: false },
    }));
  }
  await built.close();
  return output.map(fileOf);
}

/** Resolves imports of this repository: into the bundle, or to the published package that has them. */
function workspaces(form: Form, { bundles, internals }: View): RolldownPlugin {
  return {
    name: 'workspaces',
    resolveId: {
      // The plugin of declarations finds packages by their manifests, which name the source.
      order: 'pre',
      handler: (id) => {
        if (id.startsWith(REEXPORT)) return id;
        if (id.startsWith('.') || isAbsolute(id)) return null;
        const own = ownImport(id);
        if (own === undefined || own.isPublished) return { id, external: true };
        if (bundles) return own[pathOf(form)];
        internals.add(id);
        return { id: own.internal, external: true };
      },
    },
    load: (id) =>
      id.startsWith(REEXPORT) ? `export * from ${JSON.stringify(id.slice(REEXPORT.length))};` : null,
  };
}

/**
 * Joins the modules that the same doors load (pure): a file costs its reader more than its length. Without this each entry point
 * for another package, and each import at first use, cuts what a door loads into smaller files.
 */
function togetherIn(output: readonly (OutputAsset | OutputChunk)[]): ReadonlyMap<string, string> {
  const chunks = new Map(
    output.flatMap((one) => (one.type === 'chunk' ? [[one.fileName, one] as const] : [])),
  );
  const doorsOf = new Map<string, string[]>();
  for (const door of chunks.values()) {
    if (!isDoor(door)) continue;
    const loaded = new Set([door.fileName]);
    for (const file of loaded) for (const next of chunks.get(file)?.imports ?? []) loaded.add(next);
    for (const id of [...loaded].flatMap((file) => chunks.get(file)?.moduleIds ?? []))
      if (!id.startsWith(REEXPORT)) doorsOf.set(id, [...(doorsOf.get(id) ?? []), door.name]);
  }
  return new Map([...doorsOf].map(([id, doors]) => [id, doors.join('+')]));
}

/** A file that users import, or that runs a service. */
const isDoor = ({ isEntry, name }: OutputChunk): boolean =>
  (isEntry && !name.startsWith('internal-')) || name === 'run-service';

function fileOf(one: OutputAsset | OutputChunk): BuiltFile {
  if (one.type === 'chunk') return { path: one.fileName, text: inAscii(one.code) };
  const text = String(one.source);
  return { path: one.fileName, text: one.fileName.endsWith('.map') ? withoutContent(text) : text };
}

/**
 * Escapes what is not ASCII in code (pure): one such character has the engine keep a whole file in two bytes a character. No
 * source reads the raw text of a template with one.
 */
function inAscii(code: string): string {
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return code.replace(/[^\0-\x7f]/g, escape);
}

/** A source map that names files of the repository by their paths in it, without their text. */
function withoutContent(text: string): string {
  const map = JSON.parse(text) as { readonly sources: readonly string[] };
  const sources = map.sources.map((source) => source.replace(/^.*?(?=(libs|services)\/)/, '../'));
  return JSON.stringify({ ...map, sources, sourcesContent: undefined });
}

/** The package of this repository from which most modules of a file come. */
function packageOf(moduleIds: readonly string[]): string {
  const names = moduleIds.map((id) => relative(root, id).split('/')[1] ?? 'shared');
  const counted = [...Map.groupBy(names, (name) => name)];
  return counted.toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0] ?? 'shared';
}

/** `./dist/engine.js` → `engine`. */
function nameOf(file: string): string {
  return file.replace(/^\.\/dist\//, '').replace(/\.js$/, '');
}

/** Names what code imports and the package does not install (pure): also what a transform of the bundler adds. */
export function undeclared(files: readonly BuiltFile[], manifest: Manifest): readonly string[] {
  const known = new Set([
    ...builtinModules,
    manifest.name,
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.peerDependencies ?? {}),
  ]);
  return files
    .filter(({ path }) => /\.(js|d\.ts)$/.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/^(?:import|export)\s(?:[^'"\n]*\sfrom\s)?["']([^'".][^'"]*)["'];$/gm)].flatMap(
        ([, id = '']) => {
          const [name = ''] = /^(@[^/]+\/)?[^/]+/.exec(id) ?? [];
          return id.startsWith('node:') || known.has(name) ? [] : [`${path} imports ${id}`];
        },
      ),
    );
}
