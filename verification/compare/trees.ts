import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Packed } from '../../infra/packages/stage.ts';
import { plain, run } from '../programs.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, '.converge/compare');
const tree = join(folder, 'tree');

/** Packs the working tree, which `make build` has compiled. */
export function packPresent(): Promise<readonly Packed[]> {
  return packTree(root, join(folder, 'present'));
}

/** Returns the full hash of a commit. Rejects when there is none. */
export async function commitOf(name: string): Promise<string> {
  return (await run('git', ['rev-parse', '--verify', `${name}^{commit}`], { cwd: root })).stdout.trim();
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
  await unpack(commit);
  if (patch !== undefined)
    await run('git', ['apply', '--directory=.converge/compare/tree', patch], { cwd: root });
  await runNode(tree, ['node_modules/typescript/bin/tsc', '-b', 'tsconfig.build.json']);
  const packed = await packTree(tree, patch === undefined ? kept : join(folder, 'planted'));
  if (patch === undefined) await writeFile(list, JSON.stringify(packed));
  return packed;
}

let unpacked: string | undefined;

/** Writes the files of a commit, over those of the last patch of the same commit. */
async function unpack(commit: string): Promise<void> {
  if (unpacked !== commit) await removeTree();
  await mkdir(tree, { recursive: true });
  // The times are new (-m): for `tsc -b` a file that is restored has changed.
  await run('sh', ['-c', 'git archive "$0" | tar -x -m -C "$1"', commit, tree], { cwd: root });
  const args = ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  if (unpacked !== commit) await run('npm', args, { cwd: tree, env: plain() });
  unpacked = commit;
}

/** Writes the program into a folder as a commit spells it, or as the working tree does: names and options change with the packages. */
export async function copyProgram(to: string, commit?: string): Promise<void> {
  await mkdir(to, { recursive: true });
  if (commit === undefined) return cp(join(import.meta.dirname, 'program'), to, { recursive: true });
  const spelled = `${commit}:verification/compare/program`;
  await run('sh', ['-c', 'git archive "$0" | tar -x -C "$1"', spelled, to], { cwd: root });
}

export async function removeTree(): Promise<void> {
  await rm(tree, { recursive: true, force: true });
}

/** Packs a compiled tree by its own code, since what is packed differs from commit to commit. */
async function packTree(of: string, to: string): Promise<readonly Packed[]> {
  const program = `const { packAll } = await import('./infra/packages/stage.ts');
    process.stdout.write(JSON.stringify(await packAll(${JSON.stringify(to)})));`;
  const { stdout } = await runNode(of, ['--conditions=source', '--input-type=module', '--eval', program]);
  return JSON.parse(stdout) as readonly Packed[];
}

function runNode(cwd: string, args: readonly string[]): Promise<{ stdout: string }> {
  return run(process.execPath, [...args], { cwd, env: plain(), maxBuffer: 64 * 1024 * 1024 });
}
