import { isAbsolute, join } from 'node:path';
import { type OutputChunk, rolldown } from 'rolldown';
import type { Manifest } from './manifest.ts';

/**
 * Makes one file of each door of a compiled package, and one of what doors share: a service loads some sixty files in
 * place of six hundred. Nothing is renamed or removed, so stacks name the functions of the source.
 */
export async function bundleDoors(from: string, manifest: Manifest): Promise<readonly OutputChunk[]> {
  const doors = Object.values(manifest.exports ?? {}).map(({ default: file = '' }) => file);
  const bundle = await rolldown({
    input: Object.fromEntries(doors.map((file) => [nameOf(file), join(from, file)])),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    treeshake: false,
  });
  const { output } = await bundle.generate({
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  });
  await bundle.close();
  const chunks = output.filter((one) => one.type === 'chunk');
  // What a transform adds is no dependency of the package.
  const helper = chunks.flatMap(({ imports }) => imports).find((name) => name.startsWith('@oxc-project/'));
  if (helper !== undefined)
    throw new Error(`${manifest.name}: a file imports ${helper}, which it does not install`);
  return chunks;
}

/** `./dist/engine.js` → `engine`. */
function nameOf(file: string): string {
  return file.replace(/^\.\/dist\//, '').replace(/\.js$/, '');
}
