import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Packed } from '../../infra/packages/stage.ts';
import { runIn } from '../programs.ts';
import { ofRepository } from './peers.ts';
import { INSTALL } from './tools.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What TypeScript reads besides, and only TypeScript: a service does not get them. */
const TYPES = ofRepository('@types/node', '@types/pg');

export interface ProjectOptions {
  readonly folder: string;
  readonly packed: readonly Packed[];
  /** The packages of this repository that the project names itself. */
  readonly ours: readonly string[];
  /** Packages of the registry, with versions. */
  readonly others: Readonly<Record<string, string>>;
}

/** A project outside the repository with packed packages. */
export interface Project {
  readonly folder: string;
  /** Every installed package, as name@version. */
  readonly installed: readonly string[];
}

/** Makes a project that has nothing but the named packages, and installs them as a user would. */
export async function makeProject({ folder, packed, ours, others }: ProjectOptions): Promise<Project> {
  const tarballs = Object.fromEntries(packed.map(({ name, tarball }) => [name, `file:${tarball}`]));
  const own = Object.fromEntries(ours.map((name) => [name, tarballs[name]]));
  // The registry does not have these versions yet: what ours need of each other comes from the tarballs, too.
  const overrides = Object.fromEntries(Object.entries(tarballs).filter(([name]) => !ours.includes(name)));
  const manifest = { private: true, type: 'module', dependencies: { ...own, ...others }, overrides };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await runIn(folder, 'npm', INSTALL);
  return { folder, installed: await installedIn(folder) };
}

/** Lists what npm installed: each package once, without the project itself. Fails where `npm ls` finds a fault. */
async function installedIn(folder: string): Promise<readonly string[]> {
  const { stdout } = await runIn(folder, 'npm', ['ls', '--all', '--parseable', '--long']);
  const lines = stdout.split('\n').filter((line) => line.includes('node_modules'));
  return [...new Set(lines.map((line) => line.split(':')[1] ?? line))].toSorted();
}

/** Installs another package of the registry into a project. */
export async function addPackage({ folder }: Project, name: string, version: string): Promise<void> {
  await runIn(folder, 'npm', [...INSTALL, '--save-exact', `${name}@${version}`]);
}

/** Copies files of this check or of the examples into a project. */
export async function addFiles(project: Project, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [to, from] of Object.entries(files)) {
    const target = join(project.folder, to);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(here(from), target);
  }
}

/** Compiles every file of a project in its strictest form, its libraries included, with the types of Node.js and pg. `skipLibCheck` leaves those out. */
export async function compile(
  project: Project,
  compiler: string,
  node: string,
  { skipLibCheck = false } = {},
): Promise<void> {
  for (const [name, version] of Object.entries(TYPES))
    if (!existsSync(join(project.folder, 'node_modules', name))) await addPackage(project, name, version);
  const options = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck,
    noEmit: true,
    allowImportingTsExtensions: true,
  };
  const config = JSON.stringify({ compilerOptions: options, include: ['*.ts', '*.mts', '*.cts'] });
  await writeFile(join(project.folder, 'tsconfig.json'), config);
  await runIn(project.folder, node, [compiler, '-p', '.']).catch((error: unknown) => {
    const { stdout = '' } = error as { stdout?: string };
    throw new Error(`does not compile:\n${stdout.split('\n').slice(0, 20).join('\n')}`);
  });
}

export async function versionOf({ folder }: Project, name: string): Promise<string> {
  const text = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
