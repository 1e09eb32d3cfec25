import { readFileSync, statSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Executor } from '@convergekit/postgres';
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { childrenSeconds } from '../../test/children-seconds.ts';
import { memoryOf } from '../benchmarks/measure/child.ts';
import { plain, runIn, whileRunning } from '../programs.ts';
import { withDatabase } from '../with-database.ts';

const TIMES = 9;
const SECONDS = 20;

/** The megabytes of the files below a folder's node_modules, each by its own length. */
export function megabytes(folder: string): number {
  const files = globSync('node_modules/**/*', { cwd: folder, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0) / 1e6;
}

/** Measures several times, and takes the least of each figure. */
async function leastOf<Name extends string>(measure: () => Promise<Record<Name, number>>) {
  const least = await measure();
  for (let at = 1; at < TIMES; at += 1)
    for (const [name, value] of Object.entries(await measure()) as [Name, number][])
      least[name] = Math.min(least[name], value);
  return least;
}

/** Milliseconds that an import takes in a fresh process, and its memory in megabytes. */
export function importOf(folder: string, doors: readonly string[]) {
  const code = `const began = performance.now();
    await Promise.all(${JSON.stringify(doors)}.map((door) => import(door)));
    console.log(JSON.stringify({ ms: performance.now() - began, mb: process.memoryUsage.rss() / 1e6 }));
    process.exit();`;
  return leastOf(async () => {
    const { stdout } = await runIn(folder, process.execPath, ['--input-type=module', '--eval', code]);
    return JSON.parse(stdout) as { ms: number; mb: number };
  });
}

/** Seconds of CPU that a command takes with a warm disk. */
export async function cpuOf(folder: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const { cpu } = await leastOf(async () => {
    const before = childrenSeconds();
    await runIn(folder, process.execPath, ['node_modules/convergekit/bin/converge.js', ...args], env);
    return { cpu: childrenSeconds() - before };
  });
  return cpu;
}

/** How long a service takes to be ready, and what it does and holds while it has nothing to do. */
export async function idleService(folder: string, main: string, databaseUrl: string) {
  const env = { DATABASE_URL: databaseUrl, CONVERGE__BROKER: 'local', NODE_ENV: 'development' };
  const found = { readySeconds: 0, mb: 0, perSecond: 0 };
  const where = { cwd: folder, env: plain(env) };
  const began = performance.now();
  await withDatabase({ url: databaseUrl, max: 1 }, ({ executor }) =>
    whileRunning([process.execPath, main], where, async ({ pid, log }) => {
      await waitUntil(() => log().includes('is ready'), { what: 'the service to be ready', everyMs: 5 });
      found.readySeconds = (performance.now() - began) / 1_000;
      await systemClock.sleep(5_000);
      const before = await countTransactions(executor);
      await systemClock.sleep(SECONDS * 1_000);
      found.perSecond = ((await countTransactions(executor)) - before) / SECONDS;
      found.mb = memoryOf(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS') * 1.048576;
    }),
  );
  return found;
}

async function countTransactions(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ n: string }>(
    'select xact_commit + xact_rollback as n from pg_stat_database where datname = current_database()',
  );
  return Number(rows[0]?.n);
}
