import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * Makes a folder once. `make` fills another one, and returns the part of it that is wanted, if not all: a rename makes the
 * folder appear complete.
 */
export async function madeOnce(
  target: string,
  make: (partial: string) => Promise<string | undefined>,
): Promise<string> {
  if (existsSync(target)) return target;
  const partial = join(dirname(target), `.${basename(target)}-${process.pid}`);
  mkdirSync(dirname(target), { recursive: true });
  try {
    const made = (await make(partial)) ?? partial;
    // Another process may have been faster.
    if (!existsSync(target)) renameSync(made, target);
    return target;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
