import type { Executor } from './executor.ts';

/** The rows of a table that leave when they are old. */
export interface OldRows {
  readonly table: string;
  /** The column with their time. An index on it gives the oldest first. */
  readonly at: string;
  /** @default 'id' */
  readonly key?: string;
  /** @default all */
  readonly where?: string;
}

/**
 * Removes rows older than `keepMs`, `limit` in a statement, until the signal. Returns their number. One delete of millions
 * would hold its snapshot, and delay the vacuum of every table. Processes that run it at once pass over each other's rows.
 */
export async function removeOld(
  executor: Executor,
  { table, at, key = 'id', where = 'true' }: OldRows,
  { keepMs, limit = 5_000, signal }: { keepMs: number; limit?: number; signal?: AbortSignal },
): Promise<number> {
  const text = `
    delete from ${table} where ${key} = any (array(
      select ${key} from ${table} where ${where} and ${at} < clock_timestamp() - $1::float8 * interval '1 millisecond'
       order by ${at} limit $2 for update skip locked))`;
  for (let removed = 0; ;) {
    if (signal?.aborted === true) return removed;
    const { rowCount } = await executor.query(text, [keepMs, limit]);
    removed += rowCount;
    if (rowCount < limit) return removed;
  }
}
