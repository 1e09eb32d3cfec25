import { expect, it } from 'vitest';
import { contentFaults } from '../../verification/packages/contents.ts';
import { build, type Built, undeclared } from './bundle.ts';
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

it('the published packages have each module of the kit once, and install what they import', async () => {
  const built = await buildAll();
  const files = [...built].flatMap(([of, one]) =>
    one.files.map(({ path, text }) => ({ of, path: `dist/${path}`, text })),
  );
  expect(contentFaults(files)).toEqual([]);
  for (const manifest of publishedManifests()) {
    const own = built.get(manifest.name)?.files ?? [];
    expect(own.map(({ path }) => path)).toContain('index.js');
    expect(undeclared(own, manifest)).toEqual([]);
  }
  expect(built.get(KIT)?.files.map(({ path }) => path)).toEqual(
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

it('an import that a package does not install is named', () => {
  const manifest = { name: 'a', version: '1.0.0', dependencies: { b: '1.0.0' } };
  const text = `import { x } from "b/deep";\nimport "node:fs";\nimport { y } from './c.js';\nimport { z } from '@o/d/e';\n`;
  expect(undeclared([{ path: 'index.js', text }], manifest)).toEqual(['index.js imports @o/d/e']);
});
