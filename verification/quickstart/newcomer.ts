import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { packedRegistry } from '../../infra/packages/registry.ts';
import { packAll } from '../../infra/packages/stage.ts';
import { root } from '../../infra/packages/workspaces.ts';
import { run, type Running, whileRunning } from '../programs.ts';

const NAME = 'demo-service';
export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * Packs the packages, and prepares a folder outside the repository with an empty npm cache and a registry that has them.
 * `without` matches programs that this newcomer does not have.
 */
export async function newcomer(without: RegExp, node = process.execPath) {
  const outside = await mkdtemp(join(tmpdir(), 'converge-quickstart-'));
  const { stdout: configured } = await run('npm', ['config', 'get', 'registry'], { cwd: outside });
  const packed = await packAll(join(root, '.converge/quickstart'));
  const registry = packedRegistry(packed, configured.trim());
  await registry.server.start();
  const nodeFirst = `${dirname(node)}:${process.env['PATH'] ?? ''}`;
  const env: NodeJS.ProcessEnv = {
    PATH: pathWithout(join(outside, 'bin'), nodeFirst, without),
    HOME: join(outside, 'home'),
    LANG: 'C.UTF-8',
    npm_config_registry: registry.url(),
    npm_config_cache: join(outside, 'npm-cache'),
    npm_config_update_notifier: 'false',
    npm_config_fund: 'false',
    npm_config_audit: 'false',
  };
  return {
    /** The folder in which services are made. */
    outside,
    /** The name of the service, and its folder. */
    name: NAME,
    service: join(outside, NAME),
    env,
    /** Runs one line of a shell and prints its time. Resolves with its output, and the folder that it ended in as the last line. */
    step: (line: string, cwd: string, own: NodeJS.ProcessEnv = env) => timed(line, { cwd, env: own }),
    /** Megabytes of tarballs that were downloaded. */
    downloaded: () => (registry.tarballBytes() / 1_000_000).toFixed(1),
    close: async () => {
      await registry.server.stop();
      await rm(outside, { recursive: true, force: true });
    },
  };
}

async function timed(line: string, where: { cwd: string; env: NodeJS.ProcessEnv }): Promise<string> {
  const start = performance.now();
  try {
    const { stdout } = await run('bash', ['-c', `${line} && echo && pwd`], {
      ...where,
      maxBuffer: 64 * 1024 * 1024,
    });
    say(`${seconds(start)}  ${line}`);
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`\`${line}\` failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

export function seconds(start: number): string {
  return `${((performance.now() - start) / 1_000).toFixed(1).padStart(6)} s`;
}

/** Runs a development command while `check` is at work, then ends it by Ctrl-C. Rejects when the command ends before. */
export async function whileDev(
  command: readonly [string, ...string[]],
  where: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  check: (dev: { readonly start: number; readonly log: Running['log'] }) => Promise<void>,
): Promise<void> {
  const start = performance.now();
  await whileRunning(command, where, ({ log }) => check({ start, log }), 'SIGINT');
  say(`${seconds(start)}  ${command.join(' ')}: ended by Ctrl-C`);
}

/** Makes a folder with links to every program of a PATH but those that `without` matches. Resolves with its path. */
function pathWithout(folder: string, path: string, without: RegExp): string {
  mkdirSync(folder, { recursive: true });
  const places = path.split(delimiter).filter((place) => existsSync(place));
  // Of several with one name, the first place has it.
  const programs = new Map(
    places
      .toReversed()
      .flatMap((place) => readdirSync(place).map((name) => [name, join(place, name)] as const)),
  );
  for (const [name, program] of programs) if (!without.test(name)) symlinkSync(program, join(folder, name));
  return folder;
}
