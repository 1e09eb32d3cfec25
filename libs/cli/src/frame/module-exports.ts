import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CliError } from './cli-error.ts';

/** Imports a module (a file, from the working folder, or a package) and returns what it exports. */
export async function exportsOf(module: string): Promise<readonly unknown[]> {
  try {
    return Object.values((await import(addressOf(module))) as Record<string, unknown>);
  } catch (error) {
    if (isExplained(error)) throw error;
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw invalidModule('MODULE_FAILED', `module ${module} cannot be loaded: ${why}`, error);
  }
}

// A name that is a file here is a file; everything else is left to Node, which finds installed packages.
function addressOf(module: string): string {
  const path = resolve(module);
  const isPath = /^\.{0,2}\//.test(module);
  if (isPath && !existsSync(path))
    throw invalidModule('MODULE_MISSING', `module ${module} does not exist: looked for ${path}`);
  return isPath || existsSync(path) ? pathToFileURL(path).href : module;
}

function isExplained(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'category' in error;
}

export function invalidModule(code: string, message: string, cause?: unknown): CliError {
  return new CliError(message, { code, category: 'configuration', cause });
}
