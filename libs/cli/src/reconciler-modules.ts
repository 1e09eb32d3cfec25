import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Reconciler } from '@converge/reconcile';
import { CliError } from './cli-error.ts';

/** Imports the modules (files, from the working folder, or packages) and returns every reconciler that they export. */
export async function loadReconcilers(modules: readonly string[]): Promise<readonly Reconciler[]> {
  if (modules.length === 0)
    throw invalid(
      'MODULES_MISSING',
      'no module with reconcilers is named: give files or packages as arguments, or in CONVERGE__RECONCILE__MODULES',
    );
  const found: Reconciler[] = [];
  for (const module of modules) found.push(...(await loadOne(module)));
  const names = found.map((reconciler) => reconciler.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  // Two of one name would share their queue and repair each other's keys.
  if (twice !== undefined)
    throw invalid('RECONCILER_TWICE', `two reconcilers are named ${twice}: rename one`);
  return found;
}

async function loadOne(module: string): Promise<readonly Reconciler[]> {
  let loaded: unknown;
  try {
    loaded = await import(addressOf(module));
  } catch (error) {
    if (isExplained(error)) throw error;
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw invalid('MODULE_FAILED', `module ${module} cannot be loaded: ${why}`, error);
  }
  const values: readonly unknown[] = Object.values(loaded as Record<string, unknown>);
  const reconcilers = values.filter(isReconciler);
  if (reconcilers.length === 0)
    throw invalid(
      'MODULE_EMPTY',
      `module ${module} exports no reconciler: export what defineReconciler returns`,
    );
  return reconcilers;
}

// A name that is a file here is a file; everything else is left to Node, which finds installed packages.
function addressOf(module: string): string {
  const path = resolve(module);
  const isPath = /^\.{0,2}\//.test(module);
  if (isPath && !existsSync(path))
    throw invalid('MODULE_MISSING', `module ${module} does not exist: looked for ${path}`);
  return isPath || existsSync(path) ? pathToFileURL(path).href : module;
}

function isReconciler(value: unknown): value is Reconciler {
  if (typeof value !== 'object' || value === null) return false;
  const { name, compare, repair, timing } = value as Partial<Reconciler>;
  return (
    typeof name === 'string' &&
    typeof compare === 'function' &&
    typeof repair === 'function' &&
    typeof timing === 'object'
  );
}

function isExplained(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'category' in error;
}

function invalid(code: string, message: string, cause?: unknown): CliError {
  return new CliError(message, { code, category: 'configuration', cause });
}
