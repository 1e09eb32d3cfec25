import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertPortFree } from './ports.ts';

/** The port that the Postgres of kept data had at last: addresses that were copied stay true. undefined: none, or it is taken. */
export async function lastPort(folder: string): Promise<number | undefined> {
  try {
    const settings = readFileSync(join(folder, 'postgres', 'postgresql.auto.conf'), 'utf8');
    const port = Number(/^port = (\d+)$/m.exec(settings)?.[1]);
    await assertPortFree(port, 'Postgres');
    return port;
  } catch {
    return undefined;
  }
}
