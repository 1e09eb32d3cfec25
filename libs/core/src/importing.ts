// All copies of this package in a process share it.
const IMPORTING = Symbol.for('convergekit.importing');
const shared = globalThis as { [IMPORTING]?: number };

/** Imports a module for what it exports: a service that the module would run does not run. */
export async function forItsExports<T>(load: () => Promise<T>): Promise<T> {
  shared[IMPORTING] = (shared[IMPORTING] ?? 0) + 1;
  try {
    return await load();
  } finally {
    shared[IMPORTING] -= 1;
  }
}

/** True while a module is imported for what it exports. */
export function isImportedOnly(): boolean {
  return (shared[IMPORTING] ?? 0) > 0;
}
