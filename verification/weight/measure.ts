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

/** The megabytes of the files below a folder's node_modules, each by its own length. */
export function megabytes(folder: string): number {
  const files = globSync('node_modules/**/*', { cwd: folder, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0) / 1e6;
}

/** Milliseconds that an import takes in a fresh process, and its memory in megabytes: the least of several. */
export async function importOf(
  folder: string,
  doors: readonly string[],
): Promise<{ ms: number; mb: number }> {
  const code = `const began = performance.now();
    await Promise.all(${JSON.stringify(doors)}.map((door) => import(door)));
    console.log(JSON.stringify({ ms: performance.now() - began, mb: process.memoryUsage.rss() / 1e6 }));
    process.exit();`;
  const runs: { ms: number; mb: number }[] = [];
  for (let at = 0; at < TIMES; at += 1) {
    const args = ['--input-type=module', '--eval', code];
    const { stdout } = await runIn(folder, process.execPath, args);
    runs.push(JSON.parse(stdout) as { ms: number; mb: number });
  }
  return { ms: least(runs.map(({ ms }) => ms)), mb: least(runs.map(({ mb }) => mb)) };
}

/** Seconds of wall time and of CPU that a command takes with a warm disk: the least of several. */
export async function commandOf(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ wall: number; cpu: number }> {
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let at = 0; at < TIMES; at += 1) {
    const before = childrenSeconds();
    const began = performance.now();
    await runIn(folder, process.execPath, ['node_modules/convergekit/bin/converge.js', ...args], env);
    walls.push((performance.now() - began) / 1_000);
    cpus.push(childrenSeconds() - before);
  }
  return { wall: least(walls), cpu: least(cpus) };
}

/** How long a service takes to be ready, and what it does and holds while it has nothing to do. */
export async function idleService(
  folder: string,
  main: string,
  databaseUrl: string,
): Promise<{ readySeconds: number; mb: number; perSecond: number }> {
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

const SECONDS = 20;

const least = (values: readonly number[]): number => Math.min(...values);
