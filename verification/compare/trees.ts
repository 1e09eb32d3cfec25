import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Packed } from '../../infra/packages/stage.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const folder = join(root, '.converge/compare');

/** Packs the working tree, which `make build` has compiled. */
export function packPresent(): Promise<readonly Packed[]> {
  return packTree(root, join(folder, 'present'));
}

/** Returns the full hash of a commit. Rejects when there is none. */
export async function commitOf(name: string): Promise<string> {
  const { stdout } = await run('git', ['rev-parse', '--verify', `${name}^{commit}`], { cwd: root });
  return stdout.trim();
}

/**
 * Packs a commit, with a patch applied to it where one is given. The tarballs of a commit without a patch are kept, so
 * that further comparisons with it build nothing.
 */
export async function packCommit(commit: string, patch?: string): Promise<readonly Packed[]> {
  const kept = join(folder, commit);
  const list = join(kept, 'packed.json');
  if (patch === undefined && existsSync(list))
    return JSON.parse(await readFile(list, 'utf8')) as readonly Packed[];
  const tree = await checkOut(commit);
  if (patch !== undefined) await run('git', ['apply', '--whitespace=nowarn', patch], { cwd: tree });
  await runNode(tree, ['node_modules/typescript/bin/tsc', '-b', 'tsconfig.build.json']);
  const packed = await packTree(tree, patch === undefined ? kept : join(folder, 'planted'));
  if (patch === undefined) await writeFile(list, JSON.stringify(packed));
  return packed;
}

/** Checks a commit out into a git worktree, which is used again for the next patch of the same commit. */
async function checkOut(commit: string): Promise<string> {
  const tree = join(folder, 'tree');
  const git = (...args: readonly string[]) => run('git', [...args], { cwd: tree });
  const current = existsSync(tree) ? (await git('rev-parse', 'HEAD')).stdout.trim() : undefined;
  if (current === commit) {
    await git('checkout', '--quiet', '--', '.');
    return tree;
  }
  await removeTree();
  await mkdir(folder, { recursive: true });
  await run('git', ['worktree', 'add', '--quiet', '--detach', tree, commit], { cwd: root });
  const lock = (of: string) => readFile(join(of, 'package-lock.json'), 'utf8');
  if ((await lock(tree)) === (await lock(root))) await linkPackages(tree);
  else {
    const options = { cwd: tree, env: { ...process.env, NODE_OPTIONS: '' } };
    await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], options);
  }
  return tree;
}

/** Removes the worktree of the last commit, and git's record of it. */
export async function removeTree(): Promise<void> {
  await rm(join(folder, 'tree'), { recursive: true, force: true });
  await run('git', ['worktree', 'prune'], { cwd: root });
}

/** Links the installed packages. Those of the workspaces are relative symbolic links, and so lead into the worktree. */
async function linkPackages(tree: string): Promise<void> {
  const { stdout } = await run('git', ['ls-files', 'package.json', '*/package.json'], { cwd: tree });
  for (const file of stdout.trim().split('\n')) {
    const installed = file.replace(/package\.json$/, 'node_modules');
    if (existsSync(join(root, installed)))
      await run('cp', ['-al', join(root, installed), join(tree, installed)]);
  }
}

/** Packs a compiled tree by its own code, since what is packed differs from commit to commit. */
async function packTree(tree: string, to: string): Promise<readonly Packed[]> {
  const program = `const { packAll } = await import('./infra/packages/stage.ts');
    process.stdout.write(JSON.stringify(await packAll(${JSON.stringify(to)})));`;
  const { stdout } = await runNode(tree, ['--conditions=source', '--input-type=module', '--eval', program]);
  return JSON.parse(stdout) as readonly Packed[];
}

function runNode(tree: string, args: readonly string[]): Promise<{ stdout: string }> {
  const env = { ...process.env, NODE_OPTIONS: '' };
  return run(process.execPath, [...args], { cwd: tree, env, maxBuffer: 64 * 1024 * 1024 });
}
