import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from '@convergekit/postgres';
import { embeddedPostgres } from './stack/embedded.ts';
import type { EmbeddedServer } from './stack/embedded-server.ts';

const run = promisify(execFile);

export const STANDBY = 'standby';

/** Makes a streaming standby of a primary, which is restarted for the copy of its folder. */
export async function standbyOf(
  primary: EmbeddedServer,
  defer: (undo: () => Promise<void>) => void,
): Promise<EmbeddedServer> {
  const { port } = new URL(primary.address);
  const standby = await embeddedPostgres({
    settings: {
      primary_conninfo: `host=127.0.0.1 port=${port} user=postgres application_name=${STANDBY}`,
    },
  });
  defer(() => standby.dispose());
  await standby.start();
  const [from, to] = [await dataOf(primary), await dataOf(standby)];
  await Promise.all([primary.stop(), standby.stop()]);
  await run('rm', ['-rf', to]);
  await run('cp', ['-a', from, to]);
  writeFileSync(join(to, 'standby.signal'), '');
  await primary.start();
  // A standby that finds no primary tries again after 5 s.
  await standby.start();
  return standby;
}

/** The address of a database on another server. */
export function urlAt({ address }: EmbeddedServer, url: string): string {
  const moved = new URL(url);
  moved.port = new URL(address).port;
  return moved.href;
}

/** One statement on a server. */
export async function onServer<T>({ address }: EmbeddedServer, sql: string): Promise<readonly T[]> {
  const database = connect({ url: address, max: 1, onIdleError: () => undefined });
  try {
    return (await database.executor.query<T & Record<string, unknown>>(sql)).rows;
  } finally {
    await database.close();
  }
}

async function dataOf(server: EmbeddedServer): Promise<string> {
  const sql = "select current_setting('data_directory') as folder";
  return (await onServer<{ folder: string }>(server, sql))[0]?.folder ?? '';
}
