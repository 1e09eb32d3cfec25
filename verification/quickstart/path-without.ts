import { accessSync, constants, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Makes a folder with links to every program of a PATH but those that `without` matches. Resolves with its path. */
export function pathWithout(folder: string, path: string, without: RegExp): string {
  mkdirSync(folder, { recursive: true });
  const linked = new Set<string>();
  for (const place of path.split(delimiter))
    for (const name of programsIn(place))
      if (!without.test(name) && !linked.has(name)) {
        linked.add(name);
        symlinkSync(join(place, name), join(folder, name));
      }
  return folder;
}

function programsIn(place: string): readonly string[] {
  try {
    return readdirSync(place).filter((name) => isProgram(join(place, name)));
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
