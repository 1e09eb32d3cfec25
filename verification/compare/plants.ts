import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Plant {
  readonly name: string;
  /** The path of the patch. */
  readonly patch: string;
}

/** Returns the faults that show that a comparison finds what differs: all of them, or the named one. */
export function plants(only: string): readonly Plant[] {
  const folder = join(import.meta.dirname, 'plants');
  const all = readdirSync(folder)
    .toSorted()
    .map((file) => ({ name: file.replace(/\.patch$/, ''), patch: join(folder, file) }));
  const chosen = all.filter(({ name }) => only === 'all' || only === name);
  if (chosen.length === 0)
    throw new Error(`there is no plant ${only}: all, or one of ${all.map(({ name }) => name).join(', ')}`);
  return chosen;
}
