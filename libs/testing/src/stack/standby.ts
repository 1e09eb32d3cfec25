import { execFile } from 'node:child_process';
import { appendFileSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onServer } from '../database.ts';
import { waitUntil } from '../wait-until.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { passwordFile } from './postgres-recipe.ts';
import type { PostgresSettings } from './postgres-settings.ts';

const run = promisify(execFile);

/** The name by which a primary knows its standby, as in `synchronous_standby_names`. */
const STANDBY = 'standby';

/** Settings of both servers of a pair: either is the primary of the other one day. */
export const PAIR_SETTINGS: PostgresSettings = {
  // A standby that was away finds what it lacks.
  wal_keep_size: '512MB',
  // One that finds no primary tries again soon, and not after 5 s.
  wal_retrieve_retry_interval: '200ms',
};

/** Files of a running server that are no part of its copy. `postgresql.auto.conf` is written at the start, and keeps its owner. */
const NOT_COPIED = ['postmaster.pid', 'postmaster.opts', 'standby.signal'];

/**
 * Makes a running server the streaming standby of a primary, which works on: its data become a copy of the primary's.
 * An old primary comes back this way, too.
 */
export async function follow(server: EmbeddedServer, primary: EmbeddedServer): Promise<void> {
  const [to, from] = [await dataOf(server), await dataOf(primary)];
  await server.stop();
  const { uid, gid } = statSync(to);
  const writes = (name: string, text: string): void => {
    writeFileSync(join(to, name), text);
    chownSync(join(to, name), uid, gid);
  };
  emptied(to);
  await onServer(primary.address, async (session) => {
    await session.query(`select pg_backup_start('${STANDBY}', fast => true)`);
    await copyLive(from, to);
    const sql = 'select labelfile as label from pg_backup_stop(wait_for_archive => false)';
    writes('backup_label', (await session.query<{ label: string }>(sql)).rows[0]?.label ?? '');
  });
  for (const name of NOT_COPIED) rmSync(join(to, name), { force: true });
  emptied(join(to, 'pg_replslot'));
  await run('cp', ['-a', passwordFile(from), passwordFile(to)]);
  const { port, password } = new URL(primary.address);
  const login = `host=127.0.0.1 port=${port} user=postgres password=${password} application_name=${STANDBY}`;
  // Of two lines, the last one counts: the primary may have been a standby.
  appendFileSync(join(to, 'postgresql.conf'), `\nprimary_conninfo = '${login}'\n`);
  writes('standby.signal', '');
  await server.start();
}

/** Makes a standby the primary. Resolves when it takes writes. */
export async function promote({ address }: EmbeddedServer): Promise<void> {
  await onServer(address, (session) => session.query('select pg_promote()'));
}

/** Has the commits of a primary wait for its standby, or for none, and awaits that it is so. */
export async function setSynchronous({ address }: EmbeddedServer, synchronous: boolean): Promise<void> {
  const names = synchronous ? STANDBY : '';
  await onServer(address, async (session) => {
    await session.query(`alter system set synchronous_standby_names = '${names}'`);
    await session.query('select pg_reload_conf()');
    const sql = `select from pg_stat_replication
                  where application_name = $1 and state = 'streaming' and (sync_state = 'sync') = $2`;
    await waitUntil(async () => (await session.query(sql, [STANDBY, synchronous])).rowCount > 0, {
      what: `${STANDBY} to be ${synchronous ? 'synchronous' : 'asynchronous'}`,
    });
  });
}

/** Returns the folder of a running server's data. */
export function dataOf({ address }: EmbeddedServer): Promise<string> {
  return onServer(address, async (session) => {
    const text = `select current_setting('data_directory') as folder`;
    return (await session.query<{ folder: string }>(text)).rows[0]?.folder ?? '';
  });
}

function emptied(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
}

/** Copies the files of a server that is at work, which may remove some of them meanwhile. */
async function copyLive(from: string, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  try {
    await run('cp', ['-a', `${from}/.`, to], { env: { ...process.env, LC_ALL: 'C' } });
  } catch (error) {
    const lines = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n') : [];
    if (lines.length === 0 || !lines.every((line) => line.endsWith('No such file or directory'))) throw error;
  }
}
