import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { run } from '../../programs.ts';
import { madeOnce } from '../../made-once.ts';
import { installRivals } from '../sagas/rivals/install.ts';

const RELADIFF = '0.6.0';
const PACKAGES = [`reladiff==${RELADIFF}`, 'psycopg2-binary==2.9.13'];
const LIMIT = { timeout: 900_000, maxBuffer: 16_777_216 };

/** One comparison by reladiff: the keys that differ and the time it took, in milliseconds. */
export interface Compared {
  readonly keys: readonly string[];
  readonly ms: number;
}

/** Compares the tables `orders` of two databases by these columns. */
export type Reladiff = (desired: string, actual: string, columns: readonly string[]) => Promise<Compared>;

/** Installs reladiff from PyPI, once, in a virtual environment of its own. Rejects with the reason if it cannot. */
export async function installReladiff(parent: string, say: (line: string) => void): Promise<Reladiff> {
  const target = resolve(parent, `reladiff-${RELADIFF}`);
  await madeOnce(target, async (partial) => {
    say('installing reladiff with pip (once; 60 MB on the disk)');
    await run('python3', ['-m', 'venv', partial], LIMIT);
    await run(join(partial, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...PACKAGES], LIMIT);
    return undefined;
  });
  // Not its script, which names the folder in which it was made.
  const program = join(target, 'bin/python');
  const call = ['-c', 'from reladiff.__main__ import main; main()'];
  return async (desired, actual, columns) => {
    const tables = [desired, 'orders', actual, 'orders'];
    const args = [...tables, '-k', 'key', ...columns.flatMap((name) => ['-c', name])];
    const start = performance.now();
    const { stdout } = await run(program, [...call, ...args, '--threads', '4'], LIMIT);
    const ms = performance.now() - start;
    const keys = stdout.matchAll(/^[+-] ([^,]+),/gm);
    return { ms, keys: [...new Set([...keys].map(([, key]) => key ?? ''))].toSorted() };
  };
}

/** The parts of graphile-worker that the case uses. */
export interface GraphileWorker {
  runMigrations(options: object): Promise<void>;
  run(options: object): Promise<{ stop(): Promise<void> }>;
  readonly Logger: new (factory: () => () => void) => unknown;
}

/** Installs graphile-worker from npm, once, in a folder of its own, and loads it. */
export async function installGraphileWorker(
  parent: string,
  say: (line: string) => void,
): Promise<GraphileWorker> {
  const folder = await installRivals(parent, say, {
    packages: new URL('packages/', import.meta.url),
    what: 'graphile-worker with npm (once)',
  });
  return createRequire(join(folder, 'package.json'))('graphile-worker') as GraphileWorker;
}
