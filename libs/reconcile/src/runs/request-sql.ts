import type { Executor } from '@convergekit/postgres';
import { requireResumed } from './pause-sql.ts';

const requestSql = `
  insert into converge.reconcile_request (reconciler, requested_by) values ($1, $2) on conflict do nothing`;

/**
 * Requests a run from whichever process leads the schedule. Rejects with RECONCILER_PAUSED.
 * false = a run is requested already, and has not begun.
 */
export async function requestRun(executor: Executor, reconciler: string, actor: string): Promise<boolean> {
  await requireResumed(executor, reconciler);
  return (await executor.query(requestSql, [reconciler, actor])).rowCount === 1;
}
