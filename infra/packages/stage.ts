import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type OutputChunk, rolldown } from 'rolldown';
import {
  type Manifest,
  type Origin,
  publishedBin,
  publishedManifest,
  publishedReadme,
  withoutSourceMap,
} from './manifest.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A package of this repository, and its folder. */
export interface PublishedPackage {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The packages of this repository that are published, by their folders. */
export function publishedPackages(): readonly PublishedPackage[] {
  return globSync('{libs,services}/*/package.json', { cwd: root })
    .toSorted()
    .map((path) => ({
      folder: dirname(path),
      manifest: JSON.parse(readFileSync(join(root, path), 'utf8')) as Manifest,
    }))
    .filter(({ manifest }) => manifest.private !== true);
}

/** A package as it is published. */
export interface Packed {
  readonly name: string;
  readonly version: string;
  /** The folder that was packed. */
  readonly folder: string;
  readonly tarball: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
  /** The names of its dependencies of this repository. */
  readonly needs: readonly string[];
}

/** Writes the folders of all publishable packages below `to` and packs them. They must be compiled (`make build`). */
export async function packAll(to: string, origin?: Origin): Promise<readonly Packed[]> {
  await rm(to, { recursive: true, force: true });
  const staged: { name: string; version: string; folder: string; needs: readonly string[] }[] = [];
  for (const { folder, manifest } of publishedPackages()) {
    const target = join(to, 'folders', basename(folder));
    await stage(folder, manifest, target, origin);
    const needs = Object.keys(manifest['dependencies'] ?? {}).filter((name) =>
      name.startsWith('@convergekit/'),
    );
    staged.push({ name: manifest.name, version: manifest.version, folder: target, needs });
  }
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', to];
  const { stdout } = await promisify(execFile)('npm', [...args, ...staged.map(({ folder }) => folder)], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '' },
    maxBuffer: 64 * 1024 * 1024,
  });
  const packed = packedOf(JSON.parse(stdout));
  return staged.map((one) => {
    const found = packed.find(({ name }) => name === one.name);
    if (found === undefined) throw new Error(`npm pack made no tarball of ${one.name}`);
    const tarball = join(to, found.filename);
    return { ...one, tarball, bytes: found.size, unpackedBytes: found.unpackedSize };
  });
}

interface NpmPack {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
}

/** Reads the answer of `npm pack --json`: a list, or from npm 12 on a record by name. */
function packedOf(answer: unknown): readonly NpmPack[] {
  return (Array.isArray(answer) ? answer : Object.values(answer as object)) as NpmPack[];
}

async function stage(
  folder: string,
  manifest: Manifest,
  target: string,
  origin: Origin | undefined,
): Promise<void> {
  const from = join(root, folder);
  await mkdir(target, { recursive: true });
  const published = publishedManifest(manifest, folder, origin);
  await writeFile(join(target, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  const readme = await readFile(join(from, 'README.md'), 'utf8');
  await writeFile(join(target, 'README.md'), publishedReadme(readme, folder, origin));
  await copyFile(join(root, 'LICENSE'), join(target, 'LICENSE'));
  const parts = (manifest.files ?? []).filter((part) => !part.startsWith('!'));
  const files = parts.flatMap((part) => globSync([part, `${part}/**/*`], { cwd: from, withFileTypes: true }));
  let compiled = 0;
  for (const file of files) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name).slice(from.length + 1);
    if (path.startsWith('dist/') && !isCurrent(from, path)) continue;
    if (path.startsWith('dist/')) compiled += 1;
    // The types of every file stay: they are read by compilers alone.
    if (/^dist\/.*\.js$/.test(path)) continue;
    await copyPart(join(from, path), join(target, path));
  }
  if (compiled === 0) throw new Error(`${folder} is not compiled: run \`make build\` first`);
  for (const { fileName, code } of await bundleDoors(from, manifest))
    await writeFile(join(target, 'dist', fileName), code);
}

/** True for compiled code whose source is still there: the compiler leaves what it wrote before. */
function isCurrent(from: string, path: string): boolean {
  const source = path.replace(/^dist\//, 'src/').replace(/(\.d)?\.[jt]s$/, '.ts');
  return !path.endsWith('.map') && existsSync(join(from, source));
}

async function copyPart(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  if (/\/bin\/[^/]+\.js$/.test(from)) {
    await writeFile(to, publishedBin(await readFile(from, 'utf8')));
    await chmod(to, 0o755);
  } else if (/\.[jt]s$/.test(from)) await writeFile(to, withoutSourceMap(await readFile(from, 'utf8')));
  else await copyFile(from, to);
}

/**
 * Makes one file of each door of a compiled package, and one of what doors share: a service loads some sixty files in
 * place of six hundred. Nothing is renamed or removed, so stacks name the functions of the source.
 */
async function bundleDoors(from: string, manifest: Manifest): Promise<readonly OutputChunk[]> {
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
