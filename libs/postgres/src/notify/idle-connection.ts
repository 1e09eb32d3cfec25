import { setImmediate } from 'node:timers/promises';
import type { Pool, QueryConfig } from 'pg';

/**
 * Runs a statement on a connection that the pool has idle, beside the application's statements. While all are in use, it
 * waits for one to come back: a new one would be opened for it. In a full pool it waits its turn. The connection is out
 * of the pool until the answer, so no one else gets it meanwhile. `statement` is called when the connection is there.
 */
export async function runOnIdle(pool: Pool, statement: () => QueryConfig): Promise<void> {
  await untilIdle(pool);
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query(statement());
    broken = false;
  } catch (error) {
    // An error without severity comes from the connection, or is a missing answer.
    broken = !(error instanceof Error && 'severity' in error);
    throw error;
  } finally {
    client.release(broken);
  }
}

async function untilIdle(pool: Pool): Promise<void> {
  for (;;) {
    // The caller of a commit releases its connection in this turn of the event loop, as a rule.
    await setImmediate();
    const isFull = pool.totalCount >= pool.options.max;
    if (pool.idleCount > 0 || pool.totalCount === 0 || isFull) return;
    await new Promise<void>((resolve) => pool.once('release', () => resolve()));
  }
}
