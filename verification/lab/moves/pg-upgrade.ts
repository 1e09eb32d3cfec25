import { execFile } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onServer } from '../workloads/counted/open.ts';
import type { Servers } from './old-and-next.ts';

const run = promisify(execFile);

/** Moves all databases with pg_upgrade: both servers are stopped meanwhile. */
export async function byPgUpgrade({ old, next, bins }: Servers): Promise<void> {
  const sql = "select current_setting('data_directory') as folder";
  const [from, to] = await Promise.all(
    [old, next].map(async (one) => (await onServer<{ folder: string }>(one, sql))[0]?.folder ?? ''),
  );
  await Promise.all([old.stop(), next.stop()]);
  const { uid, gid } = statSync(from ?? '');
  const folder = mkdtempSync(join(tmpdir(), 'converge-upgrade-'));
  chownSync(folder, uid, gid);
  const flags = [
    '-b',
    bins.old,
    '-B',
    bins.new,
    '-d',
    from ?? '',
    '-D',
    to ?? '',
    '-U',
    'postgres',
    '--copy',
  ];
  const env = { ...process.env, LC_ALL: 'C' };
  try {
    await run(join(bins.new, 'pg_upgrade'), flags, { cwd: folder, uid, gid, env, timeout: 300_000 });
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`pg_upgrade failed: ${String(error)}\n${output}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await next.start();
}
