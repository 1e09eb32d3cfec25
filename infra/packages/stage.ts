import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { build, type Built, undeclared } from './bundle.ts';
import { type Origin, publishedBin, publishedManifest, publishedReadme } from './manifest.ts';
import { KIT, privateNeeds, publishedPackages, root, type Workspace } from './workspaces.ts';

/** A package as it is published. */
export interface Packed {
  readonly name: string;
  readonly version: string;
  /** The folder that was packed. */
  readonly folder: string;
  readonly tarball: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
  /** The names of the published packages that it needs. */
  readonly needs: readonly string[];
}

/** Writes the folders of all published packages below `to` and packs them. Their types must be compiled (`make build`). */
export async function packAll(to: string, origin?: Origin): Promise<readonly Packed[]> {
  await rm(to, { recursive: true, force: true });
  const packages = publishedPackages();
  const built = new Map<Workspace, Built>();
  for (const one of packages) if (one.manifest.name !== KIT) built.set(one, await build(one));
  const internals = [...new Set([...built.values()].flatMap((one) => one.internals))].toSorted();
  for (const one of packages) if (one.manifest.name === KIT) built.set(one, await build(one, internals));
  const staged = [];
  for (const [one, result] of built) staged.push(await stage(one, result, to, origin));
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

async function stage(one: Workspace, { files }: Built, to: string, origin: Origin | undefined) {
  const { folder, manifest } = one;
  const target = join(to, 'folders', basename(folder));
  const needed = privateNeeds(manifest);
  const needs = needed.map((need) => need.manifest);
  const published = publishedManifest(manifest, { folder, origin, needs, kit: KIT });
  const faults = undeclared(files, published);
  if (faults.length > 0)
    throw new Error(`${manifest.name} does not install what it needs:\n${faults.join('\n')}`);
  await mkdir(join(target, 'dist'), { recursive: true });
  for (const { path, text } of files) await writeFile(join(target, 'dist', path), text);
  await writeFile(join(target, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  const readme = await readFile(join(root, folder, 'README.md'), 'utf8');
  await writeFile(join(target, 'README.md'), publishedReadme(readme, folder, origin));
  await copyFile(join(root, 'LICENSE'), join(target, 'LICENSE'));
  for (const part of partsOf(one)) await copyFolder(join(root, folder, part), join(target, part));
  // As `ownFolder` finds them: `sql/saga`.
  if (manifest.name === KIT)
    for (const need of needed)
      for (const part of partsOf(need))
        await copyFolder(join(root, need.folder, part), join(target, part, basename(need.folder)));
  const { name, version } = manifest;
  return { name, version, folder: target, needs: name === KIT ? [] : [KIT] };
}

/** The folders of a package that are published as they are. */
function partsOf({ manifest: { files = [] } }: Workspace): readonly string[] {
  return files.filter((part) => part !== 'dist');
}

async function copyFolder(from: string, to: string): Promise<void> {
  for (const file of globSync('**/*', { cwd: from, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name);
    const target = join(to, path.slice(from.length + 1));
    await mkdir(dirname(target), { recursive: true });
    if (/\/bin\/[^/]+\.js$/.test(path)) {
      await writeFile(target, publishedBin(await readFile(path, 'utf8')));
      await chmod(target, 0o755);
    } else await copyFile(path, target);
  }
}
