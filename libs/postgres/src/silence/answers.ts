import type { Database } from '../connect.ts';
import { connectError, sqlState } from '../errors.ts';
import { askFresh } from './fresh-connection.ts';

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
