import { expect, it } from 'vitest';
import { contentFaults } from '../../verification/packages/contents.ts';
import { build, type Built, type BuiltFile, undeclared } from './bundle.ts';
import { KIT, publishedManifests, publishedPackages } from './workspaces.ts';

/** Builds the code of the published packages, without the declarations, which need a compiled tree. */
async function buildAll(): Promise<ReadonlyMap<string, Built>> {
  const built = new Map<string, Built>();
  const [kit] = publishedPackages().filter(({ manifest }) => manifest.name === KIT);
  for (const one of publishedPackages())
    if (one !== kit) built.set(one.manifest.name, await build(one, undefined, ['code']));
  const internals = [...new Set([...built.values()].flatMap((one) => one.internals))];
  if (kit !== undefined) built.set(KIT, await build(kit, internals, ['code']));
  return built;
}

const built = buildAll();

it('the published packages have each module of the kit once, and install what they import', async () => {
  const packages = await built;
  const files = [...packages].flatMap(([of, one]) =>
    one.files.map(({ path, text }) => ({ of, path: `dist/${path}`, text })),
  );
  expect(contentFaults(files)).toEqual([]);
  for (const manifest of publishedManifests()) {
    const own = packages.get(manifest.name)?.files ?? [];
    expect(own.map(({ path }) => path)).toContain('index.js');
    expect(undeclared(own, manifest)).toEqual([]);
  }
  expect(packages.get(KIT)?.files.map(({ path }) => path)).toEqual(
    expect.arrayContaining([
      'command.js',
      'http.js',
      'kafka.js',
      'postgres.js',
      'process.js',
      'telemetry.js',
    ]),
  );
});

// Seen to fail with the text as the bundler writes it: 41 ellipses had the engine keep 1.2 million characters in two bytes each.
it('the code of a published package is ASCII, of which the engine keeps each character in one byte', async () => {
  const files = [...(await built).values()]
    .flatMap((one) => one.files)
    .filter(({ path }) => /\.js$/.test(path));
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter(({ text }) => /[^\0-\x7f]/.test(text)).map(({ path }) => path)).toEqual([]);
});

/** The files that the import of one loads, with what they import of others. */
function loadedBy(files: readonly BuiltFile[], entry: string): ReadonlySet<string> {
  const loaded = new Set([entry]);
  for (const path of loaded) {
    const text = files.find((one) => one.path === path)?.text ?? '';
    for (const [, id = ''] of text.matchAll(/^(?:import|export)[^'"\n]*["']([^'"]+)["'];$/gm))
      loaded.add(id.replace(/^\.\//, ''));
  }
  return loaded;
}

/** The modules of the source that the import of a built file loads, and the packages of others. */
function importedBy(files: readonly BuiltFile[], entry: string): readonly string[] {
  const loaded = loadedBy(files, entry);
  const maps = files.filter(({ path }) => path.endsWith('.map') && loaded.has(path.slice(0, -'.map'.length)));
  const sources = maps.flatMap(({ text }) => (JSON.parse(text) as { sources: readonly string[] }).sources);
  return [...loaded, ...sources.map((source) => source.replace(/^(\.\.\/)+/, ''))];
}

// Planted faults: an index as an entry point of its own, which loads all that it names for each of its names; an import of
// Kysely where a plan is declared; a command that imports the driver.
it.each([
  {
    entry: 'index.js',
    has: 'libs/inbox/src/define/define-consumer.ts',
    not: /^kysely$|\/inbox\/src\/member\//,
  },
  {
    entry: 'command.js',
    has: 'libs/cli/src/commands/index.ts',
    not: /^(kysely|zod|kafkajs)$|\/(kafka|local|broker|postgres|resilience)\/src\//,
  },
  { entry: 'postgres.js', has: 'libs/postgres/src/connect.ts', not: /\/(inbox|saga|kafka|relay)\/src\// },
])(
  'the import of the built $entry loads no module that its exports do not need',
  async ({ entry, has, not }) => {
    const files = (await built).get(KIT)?.files ?? [];
    const loaded = importedBy(files, entry);
    expect(loaded).toContain(has);
    expect(loaded.filter((one) => not.test(one))).toEqual([]);
    // A file costs its reader more than its length.
    expect(loaded.filter((one) => one.endsWith('.js')).length).toBeLessThanOrEqual(20);
    // What modules need of each other is no export of a door.
    const lines =
      files
        .find(({ path }) => path === entry)
        ?.text.trim()
        .split('\n') ?? [];
    expect(lines.filter((line) => !/^(import|export|\/\/#) ?/.test(line))).toEqual([]);
  },
);

it('an import that a package does not install is named', () => {
  const manifest = { name: 'a', version: '1.0.0', dependencies: { b: '1.0.0' } };
  const text = `import { x } from "b/deep";\nimport "node:fs";\nimport { y } from './c.js';\nimport { z } from '@o/d/e';\nexport declare const sql = "extract(epoch from now())";\n`;
  expect(undeclared([{ path: 'index.js', text }], manifest)).toEqual(['index.js imports @o/d/e']);
});
