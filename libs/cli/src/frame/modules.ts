import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { misconfigured } from './errors.ts';

/** Imports a module (a file, from the working folder, or a package) and returns its exports. */
export async function exportsOf(module: string): Promise<readonly unknown[]> {
  try {
    return Object.values((await import(addressOf(module))) as Record<string, unknown>);
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'category' in error) throw error;
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw misconfigured('MODULE_FAILED', `module ${module} cannot be loaded: ${why}`, error);
  }
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
    if (fitting.length === 0) throw misconfigured('MODULE_EMPTY', `module ${module} exports ${hint}`);
    found.push(...fitting);
  }
  return found;
}

// Resolves a name that is a file here to that file; Node resolves all others as packages.
function addressOf(module: string): string {
  const path = resolve(module);
  const isPath = /^\.{0,2}\//.test(module);
  if (isPath && !existsSync(path))
    throw misconfigured('MODULE_MISSING', `module ${module} does not exist: looked for ${path}`);
  return isPath || existsSync(path) ? pathToFileURL(path).href : module;
}
