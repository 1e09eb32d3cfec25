import { existsSync, globSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { forItsExports } from '@convergekit/core/engine';
import { misconfigured, UsageError } from './errors.ts';

/** The place where a module is named, and must change when it is the wrong one. */
export type NamedBy = 'arguments' | 'settings';

/** Imports a module and returns its exports. It is a file or a folder of files, from the working folder, or a package. */
async function exportsOf(module: string, namedBy: NamedBy = 'arguments'): Promise<readonly unknown[]> {
  const files = filesOf(module);
  if (files === undefined) return importOf(module, namedBy);
  if (files.length === 0)
    throw wrongModule(
      'MODULE_EMPTY',
      `folder ${module} has no .js, .mjs, .ts or .mts file: mount the modules there, or name another folder`,
      namedBy,
    );
  return (await Promise.all(files.map((file) => importOf(file, namedBy)))).flat();
}

function wrongModule(code: string, message: string, namedBy: NamedBy): Error {
  return namedBy === 'arguments' ? new UsageError(code, message) : misconfigured(code, message);
}

async function importOf(module: string, namedBy: NamedBy): Promise<readonly unknown[]> {
  try {
    const address = addressOf(module, namedBy);
    const exports = await forItsExports(() => import(address) as Promise<Record<string, unknown>>);
    return Object.values(exports);
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'category' in error) throw error;
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw misconfigured(
      'MODULE_FAILED',
      `module ${module} cannot be loaded: ${why}; ${nextOf(error, module)}`,
      error,
    );
  }
}

function nextOf(error: unknown, module: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (error instanceof SyntaxError || code === 'ERR_INVALID_TYPESCRIPT_SYNTAX')
    return `fix it: \`node ${module}\` shows the place`;
  if (code === 'ERR_MODULE_NOT_FOUND') return 'install the package, or name a file as ./path/to/file.js';
  return 'LOG_LEVEL=debug shows where';
}

/** Lists the modules in a folder, in the order of their names; undefined where it is no folder. Tests and types are none. */
function filesOf(module: string): readonly string[] | undefined {
  const path = resolve(module);
  if (!existsSync(path) || !statSync(path).isDirectory()) return undefined;
  return globSync('*.{js,mjs,ts,mts}', { cwd: path })
    .filter((file) => !/\.(test|d)\.\w+$/.test(file))
    .toSorted()
    .map((file) => join(path, file));
}

/** The exports of all modules that `fits` accepts; none is no fault. */
export async function exportsLike<T>(
  modules: readonly string[],
  fits: (value: unknown) => value is T,
  namedBy: NamedBy = 'arguments',
): Promise<readonly T[]> {
  return (await Promise.all(modules.map((module) => exportsOf(module, namedBy)))).flat().filter(fits);
}

/** The exports that `fits` accepts. Rejects with MODULE_EMPTY when a module has none: `hint` says what to export. */
export async function exportsThat<T>(
  modules: readonly string[],
  fits: (value: unknown) => value is T,
  hint: string,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const module of modules) {
    const fitting = (await exportsOf(module)).filter(fits);
    if (fitting.length === 0) throw new UsageError('MODULE_EMPTY', `module ${module} exports ${hint}`);
    found.push(...fitting);
  }
  return found;
}

// Resolves a name that is a file here to that file; Node resolves all others as packages.
function addressOf(module: string, namedBy: NamedBy): string {
  const path = resolve(module);
  const isPath = /^\.{0,2}\//.test(module);
  if (isPath && !existsSync(path))
    throw wrongModule('MODULE_MISSING', `module ${module} does not exist: looked for ${path}`, namedBy);
  return isPath || existsSync(path) ? pathToFileURL(path).href : module;
}
