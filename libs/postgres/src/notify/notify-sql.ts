import type { QueryConfig } from 'pg';

/** The time that the server may take for a notification, in milliseconds. The connection is closed after it. */
const ANSWER_MS = 1_000;

/**
 * Returns the statement that notifies a channel, as a transaction of its own. NOTIFY takes a lock of the whole database
 * until its commit, and its commit writes WAL: nothing must be flushed under that lock, so it does not wait for a disk
 * or a standby. A notification that a crash loses is no loss. It depends on no setting of the session, and sets none.
 */
export function notifyStatement(channel: string, payload: string): QueryConfig {
  const config: QueryConfig & { readonly query_timeout: number } = {
    text: `select pg_catalog.set_config('synchronous_commit', 'off', true), pg_catalog.pg_notify($1, $2)`,
    values: [channel, payload],
    query_timeout: ANSWER_MS,
  };
  return config;
}

/** Returns the statement that makes a session listen to a channel. */
export function listenStatement(channel: string): string {
  return `listen "${channel.replaceAll('"', '""')}"`;
}
