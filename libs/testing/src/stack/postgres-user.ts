import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { DevStackError } from './stack-error.ts';

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user who runs Postgres, which refuses to run as root: user `postgres`, created if missing. undefined: the current
 * user.
 */
export function postgresUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const existing = lookUp();
  if (existing !== undefined) return existing;
  try {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'], { stdio: 'pipe' });
  } catch (error) {
    throw new DevStackError(
      'POSTGRES_USER_MISSING',
      'Postgres refuses to run as root and the user `postgres` could not be made: make it (useradd postgres), run as another user, or set DATABASE_URL',
      error,
    );
  }
  return lookUp();
}

function lookUp(): SystemUser | undefined {
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: 'pipe' }));
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

/** Finds the first folder on the way to `path` that `user` may not enter; undefined if none. */
export function blockedAt(path: string, user: SystemUser): string | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid, gid } = statSync(folder);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/**
 * Copies the binaries to a folder that `user` can reach. A checkout may lie below a folder such as /root or one of
 * mkdtemp's, which only its owner may enter. The caller removes the copy.
 */
export function reachableCopy(
  binaries: PostgresBinaries,
  user: SystemUser,
): { folder: string; binaries: PostgresBinaries } {
  const parent = [tmpdir(), '/tmp', '/var/tmp'].find(
    (path) => blockedAt(join(path, 'x'), user) === undefined,
  );
  if (parent === undefined)
    throw new DevStackError(
      'POSTGRES_FAILED',
      'user `postgres` can reach neither this folder nor a temporary one: move the checkout, run as another user, or set DATABASE_URL',
    );
  const folder = mkdtempSync(join(parent, 'converge-postgres-'));
  chmodSync(folder, 0o755);
  const native = join(folder, 'native');
  cpSync(dirname(dirname(binaries.postgres)), native, { recursive: true, verbatimSymlinks: true });
  return {
    folder,
    binaries: { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') },
  };
}
