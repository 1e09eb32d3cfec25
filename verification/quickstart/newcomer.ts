import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packedRegistry } from '../../infra/packages/registry.ts';
import { packAll, root } from '../../infra/packages/stage.ts';
import { run } from '../packages/tools.ts';
import { pathWithout } from './path-without.ts';

const NAME = 'demo-service';
export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** A folder outside the repository with an empty npm cache and a registry that has the packed packages. */
export interface Newcomer {
  /** The folder in which services are made. */
  readonly outside: string;
  /** The name of the service, and its folder. */
  readonly name: string;
  readonly service: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs one line of a shell, prints its time and resolves with its output. */
  readonly step: (line: string, cwd: string) => Promise<string>;
  /** Megabytes of tarballs that were downloaded. */
  readonly downloaded: () => string;
  readonly close: () => Promise<void>;
}

/** Packs the packages and prepares the folder. `without` matches programs that this newcomer does not have. */
export async function newcomer(without: RegExp, node = process.execPath): Promise<Newcomer> {
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
    outside,
    name: NAME,
    service: join(outside, NAME),
    env,
    step: (line, cwd) => timed(line, { cwd, env }),
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
    const { stdout } = await run('bash', ['-c', line], { ...where, maxBuffer: 64 * 1024 * 1024 });
    say(`${seconds(start)}  ${line}`);
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`\`${line}\` failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Formats the time since `start`, in seconds. */
export function seconds(start: number): string {
  return `${((performance.now() - start) / 1_000).toFixed(1).padStart(6)} s`;
}
