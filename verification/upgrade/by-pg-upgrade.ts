import { execFile } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onServer, type Side, type UpgradeWorld } from './world.ts';

const run = promisify(execFile);

/** Moves both databases with pg_upgrade: both servers are stopped meanwhile. */
export async function byPgUpgrade(world: UpgradeWorld): Promise<void> {
  const [from, to] = [await dataOf(world.old), await dataOf(world.new)];
  await Promise.all([world.old.server.stop(), world.new.server.stop()]);
  const { uid, gid } = statSync(from);
  const folder = mkdtempSync(join(tmpdir(), 'converge-upgrade-'));
  chownSync(folder, uid, gid);
  const flags = ['-b', world.old.bin, '-B', world.new.bin, '-d', from, '-D', to, '-U', 'postgres', '--copy'];
  try {
    await run(join(world.new.bin, 'pg_upgrade'), flags, {
      cwd: folder,
      uid,
      gid,
      env: { ...process.env, LC_ALL: 'C' },
      timeout: 300_000,
    });
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`pg_upgrade failed: ${String(error)}\n${output}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await world.new.server.start();
}

async function dataOf(side: Side): Promise<string> {
  const [row] = await onServer<{ folder: string }>(
    side,
    'postgres',
    "select current_setting('data_directory') as folder",
  );
  return row?.folder ?? '';
}
