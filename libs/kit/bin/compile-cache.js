import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const STICKY = 0o1000;
const WRITTEN_BY_OTHERS = 0o022;

/** True for a folder in which no other user but root can replace an entry of this user. */
function isSafe(folder, uid, isParent) {
  const { mode, uid: owner } = lstatSync(folder);
  if (owner !== uid && !(isParent && owner === 0)) return false;
  return (mode & WRITTEN_BY_OTHERS) === 0 || (isParent && (mode & STICKY) !== 0);
}

/**
 * Makes a folder that only this user writes, and returns its path. Undefined where there is none: compiled code of another user
 * would run as this one.
 */
export function ownFolder(path, uid) {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const folder = realpathSync(path);
    if (uid === undefined) return folder;
    if (!isSafe(folder, uid, false)) return undefined;
    for (let at = folder; at !== dirname(at); at = dirname(at))
      if (!isSafe(dirname(at), uid, true)) return undefined;
    return folder;
  } catch {
    return undefined;
  }
}

/** Returns the folder for compiled code of this user. */
export function compileCache() {
  const { XDG_CACHE_HOME: given } = process.env;
  const caches = given === undefined || given === '' ? join(homedir(), '.cache') : given;
  return ownFolder(join(caches, 'converge', 'compiled'), process.getuid?.());
}
