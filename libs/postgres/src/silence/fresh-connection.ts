import type { ClientBase, Pool, PoolConfig } from 'pg';
import type { Database } from '../connect.ts';
import { connectError, sqlState } from '../errors.ts';

interface Client extends ClientBase {
  readonly connection: { readonly stream: { destroy(): void } };
  end(): Promise<void>;
}

type ClientClass = new (config: PoolConfig) => Client;

/** The class of a pool's clients: pg resolves settings in it. */
export function clientClass(pool: Pool): ClientClass {
  return (pool as unknown as { Client: ClientClass }).Client;
}

/**
 * Runs a statement on a connection of its own, outside of the pool: connections of the pool may be those that a network
 * has silenced. Rejects with pg's error, and with ETIMEDOUT after `limitMs` milliseconds, whatever hangs.
 */
export async function askFresh<R extends object>(
  pool: Pool,
  text: string,
  { limitMs, values = [] }: { readonly limitMs: number; readonly values?: readonly unknown[] },
): Promise<readonly R[]> {
  const client = new (clientClass(pool))(pool.options);
  // The loss of the connection also rejects what is awaited.
  client.on('error', () => undefined);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `no answer from Postgres within ${limitMs} ms`;
    late.reject(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
  }, limitMs);
  const asked = async (): Promise<readonly R[]> => {
    await client.connect();
    return (await client.query<R>(text, [...values])).rows;
  };
  try {
    return await Promise.race([asked(), late.promise]);
  } finally {
    clearTimeout(timer);
    client.end().catch(() => undefined);
    client.connection.stream.destroy();
  }
}

/** Refusals of a server that answers: it has no connection left for another client, or a role's `statement_timeout` ended the question. */
const ANSWERED: ReadonlySet<string | undefined> = new Set(['53300', '57014']);

/**
 * Resolves when the server answers on a fresh connection; rejects with a `DatabaseError`, after `limitMs` milliseconds at
 * the latest. A server that refuses for lack of connections answers, too.
 */
export async function answers(
  { pool, target }: Pick<Database, 'pool' | 'target'>,
  limitMs: number,
): Promise<void> {
  try {
    await askFresh(pool, 'select 1', { limitMs });
  } catch (error) {
    if (!ANSWERED.has(sqlState(error))) throw connectError(error, target);
  }
}
