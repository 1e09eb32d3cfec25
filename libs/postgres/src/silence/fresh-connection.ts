import type { ClientBase, Pool, PoolConfig } from 'pg';

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
