import type { Database } from './connect.ts';

/**
 * Whether something that gives sessions to several clients stands between us and the server: the process id that was
 * announced at connecting is then the pooler's invention, and no backend's.
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
