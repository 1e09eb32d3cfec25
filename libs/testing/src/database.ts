import { randomBytes } from 'node:crypto';
import { connect, type Executor } from '@convergekit/postgres';
import { executorOfClient, urlOf } from '@convergekit/postgres/engine';
import { DATA_IN_MEMORY } from './stack/postgres-settings.ts';

/**
 * Makes an empty database on the server of `serverUrl` and returns its URL. `prefix` shows in its name.
 * @example
 * ```ts
 * import { freshDatabase } from '@convergekit/testing';
 * import { connect } from 'convergekit/postgres';
 *
 * const database = connect({ url: await freshDatabase('postgres://localhost/postgres', 'orders') });
 * await database.executor.query('create table orders (id text primary key)');
 * await database.close();
 * ```
 */
export function freshDatabase(serverUrl: string, prefix = 'test'): Promise<string> {
  return onServer(serverUrl, (session) => createDatabase(session, serverUrl, prefix));
}

/** Runs `act` in one session on the server of `serverUrl`, and ends the session with its locks. */
export async function onServer<T>(serverUrl: string, act: (session: Executor) => Promise<T>): Promise<T> {
  const server = connect({ url: serverUrl, applicationName: 'converge-testing', max: 1 });
  try {
    const client = await server.acquire();
    try {
      return await act(executorOfClient(client));
    } finally {
      client.release(true);
    }
  } finally {
    await server.close();
  }
}

/** True while a session of this database waits for a lock. */
export async function waitsForLock(executor: Executor): Promise<boolean> {
  const text = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  return (await executor.query(text)).rowCount > 0;
}

/** The names of the databases that this process made, by the URL of their server. */
const made = new Map<string, string[]>();

/** Drops the databases that this process made on a server, with the sessions that are left in them. */
export async function dropDatabases(serverUrl: string): Promise<void> {
  const names = made.get(serverUrl) ?? [];
  made.delete(serverUrl);
  if (names.length === 0) return;
  await onServer(serverUrl, async (session) => {
    for (const name of names)
      // A prepared transaction or a replication slot keeps a database until its server ends.
      await session.query(`drop database if exists "${name}" with (force)`).catch(() => undefined);
  });
}

/** Creates a database with a new name and returns its URL. `template` is copied. @default an empty database */
export async function createDatabase(
  session: Executor,
  serverUrl: string,
  prefix: string,
  template = 'template1',
): Promise<string> {
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  await session.query(`create database "${name}" template "${template}" ${await strategy(session)}`);
  made.set(serverUrl, [...(made.get(serverUrl) ?? []), name]);
  return urlOf(serverUrl, name);
}

/**
 * Returns the clause for copying files, which takes half the work of the default: that writes each page to the WAL. But it
 * needs two checkpoints and an fsync of each of 900 files, so it is for data in memory. Servers before 15 always do it.
 */
async function strategy(session: Executor): Promise<string> {
  const text = `select current_setting('${DATA_IN_MEMORY}', true) as memory`;
  const { rows } = await session.query<{ memory: string | null }>(text);
  return rows[0]?.memory === 'on' ? 'strategy file_copy' : '';
}
