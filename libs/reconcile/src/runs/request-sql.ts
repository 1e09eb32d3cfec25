import type { Executor } from '@convergekit/postgres';
import { recordActSql } from '@convergekit/postgres/operate';
import { requireResumed } from './pause-sql.ts';

const requestSql = `
  with requested as (
    insert into converge.reconciler as r (name, requested_by) values ($1, $2)
    on conflict (name) do update set requested_by = excluded.requested_by where r.requested_by is null
    returning name)
  select ${recordActSql('reconcile run', { subject: 'name', by: '$2', reason: '$3' })} from requested`;

/**
 * Requests a run from whichever process leads the schedule. Rejects with RECONCILER_PAUSED.
 * false = a run is requested already, and has not begun.
 */
export async function requestRun(
  executor: Executor,
  reconciler: string,
  actor: string,
  reason = 'a run now',
): Promise<boolean> {
  await requireResumed(executor, reconciler);
  return (await executor.query(requestSql, [reconciler, actor, reason])).rowCount === 1;
}
