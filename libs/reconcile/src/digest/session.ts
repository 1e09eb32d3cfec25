import { rawQuery } from '@convergekit/postgres/engine';
import type { Kysely } from 'kysely';
import { pinSql } from './pin-sql.ts';

/** A snapshot of one database: a read-only transaction with pinned formats. */
export interface HashSession {
  query<R>(text: string, values?: readonly unknown[]): Promise<readonly R[]>;
  close(): Promise<void>;
}

/**
 * Opens a snapshot. All its statements see one state of the database.
 * A statement that takes longer than `timeoutMs` is cancelled by the server (57014).
 */
export async function openSession<DB>(db: Kysely<DB>, timeoutMs: number): Promise<HashSession> {
  const tx = await db
    .startTransaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute();
  const plain = tx.withoutPlugins();
  const query = async <R>(text: string, values: readonly unknown[] = []): Promise<readonly R[]> =>
    (await plain.executeQuery<R>(rawQuery(text, [...values]))).rows;
  const close = async (): Promise<void> => {
    await tx.rollback().execute();
  };
  try {
    await query(pinSql(timeoutMs));
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
  return { query, close };
}
