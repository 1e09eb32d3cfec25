import { execFileSync } from 'node:child_process';
import { cp, mkdir, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../programs.ts';

/** A copy of the tree in which faults are planted. It has a repository of its own, so that `git apply` sees it alone. */
export type Copy = Awaited<ReturnType<typeof copyTree>>;

/** Caches of tools, which name files of the tree that they were made for. */
const CACHES = ['.cache', '.vite-temp', '.vitest-cache', '.vite'];

/** Servers of an interrupted run are ended by the next one that starts any in the tree, and Kafka is fetched once. */
const SHARED = ['.converge/stacks', '.converge/kafka-jars', '.converge/tlc-jars'];

/**
 * Copies the tree as it is, with changes that are not committed. The installed packages are hard links, which takes seconds;
 * those of the workspaces are relative symbolic links, and so lead into the copy.
 */
export async function copyTree(root: string, folder: string) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const files: string[] = [];
  for (const file of filesOf(root)) if (await exists(join(root, file))) files.push(file);
  for (const file of files) await cp(join(root, file), join(folder, file), { verbatimSymlinks: true });
  const packages = new Set(
    files.filter((file) => file.endsWith('package.json')).map((file) => join(dirname(file), 'node_modules')),
  );
  for (const installed of packages)
    if (await exists(join(root, installed))) {
      await run('cp', ['-al', join(root, installed), join(folder, installed)]);
      for (const cache of CACHES) await rm(join(folder, installed, cache), { recursive: true, force: true });
    }
  await mkdir(join(folder, '.converge'));
  for (const shared of SHARED) {
    await mkdir(join(root, shared), { recursive: true });
    await symlink(join(root, shared), join(folder, shared));
  }
  const git = async (...args: readonly string[]): Promise<void> => {
    await run('git', ['-c', 'core.hooksPath=/dev/null', '-c', 'core.autocrlf=false', ...args], {
      cwd: folder,
    });
  };
  await git('init', '--quiet');
  await git('add', '--all');
  return {
    folder,
    /** Applies a patch. Rejects with git's words if it no longer fits. */
    plant: (patch: string) => git('apply', '--whitespace=nowarn', patch),
    /** Restores every file, also what tests wrote. */
    restore: async (): Promise<void> => {
      await git('checkout', '--quiet', '--', '.');
      await git('clean', '--quiet', '--force', '-d');
    },
  };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** Lists the files of a repository as it is now: tracked, or new and not ignored. */
export function filesOf(root: string): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed.split('\0').filter((file) => file !== '');
}
