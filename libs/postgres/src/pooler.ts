import type { Database } from './connect.ts';

/**
 * Detects a pooler between us and the server that shares sessions between clients.
 * The process id announced at connecting is then the pooler's own, not that of a backend.
 */
export async function isPooled(database: Pick<Database, 'acquire'>): Promise<boolean> {
  const client = await database.acquire();
  try {
    const announced: unknown = 'processID' in client ? client.processID : undefined;
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return typeof announced === 'number' && announced !== rows[0]?.pid;
  } finally {
    client.release();
  }
}
