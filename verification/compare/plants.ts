import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A fault that shows that a comparison finds what differs. */
export interface Plant {
  readonly name: string;
  /** The path of the patch. */
  readonly patch: string;
  /** A part of the name of a section in which it has to be found: its first line says `Found in: effects`. */
  readonly foundIn: string;
}

/** Returns all plants, or the named one. */
export function plants(only: string): readonly Plant[] {
  const folder = join(import.meta.dirname, 'plants');
  const names = readdirSync(folder).map((file) => file.replace(/\.patch$/, ''));
  const chosen = names.toSorted().filter((name) => only === 'all' || only === name);
  if (chosen.length === 0) throw new Error(`there is no plant ${only}: all, or one of ${names.join(', ')}`);
  return chosen.map((name) => {
    const patch = join(folder, `${name}.patch`);
    const [, foundIn] = /^Found in: (.+)$/m.exec(readFileSync(patch, 'utf8')) ?? [];
    if (foundIn === undefined) throw new Error(`plants/${name}.patch has no line "Found in: …"`);
    return { name, patch, foundIn };
  });
}
