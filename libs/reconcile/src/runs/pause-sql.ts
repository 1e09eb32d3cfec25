import type { Executor } from '@convergekit/postgres';
import { type Operator, recordActSql } from '@convergekit/postgres/operate';
import { ReconcileError } from '../errors.ts';

/** A pause, and the operator who made it. */
export interface Pause {
  readonly at: Date;
  readonly by: string;
  readonly reason: string;
}

// The row of a reconciler that never ran is inserted, so that it can be paused before its first run.
const pauseSql = `
  with paused as (
    insert into converge.reconciler as r (name, paused_at, paused_by, paused_reason) values ($1, clock_timestamp(), $2, $3)
    on conflict (name) do update
      set paused_at = excluded.paused_at, paused_by = excluded.paused_by, paused_reason = excluded.paused_reason
      where r.paused_at is null
    returning name)
  select ${recordActSql('reconcile pause', { subject: 'name', by: '$2', reason: '$3' })} from paused`;

/** Pauses a reconciler in all processes, until an operator resumes it. false = it was paused before. */
export async function pauseReconciler(
  executor: Executor,
  reconciler: string,
  operator: Operator,
): Promise<boolean> {
  return (await executor.query(pauseSql, [reconciler, operator.by, operator.reason])).rowCount === 1;
}

// Starts of the pause were left out on purpose: the schedule continues with the next one.
const resumeSql = `
  with resumed as (
    update converge.reconciler set paused_at = null, paused_by = null, paused_reason = null,
      scheduled_until = case when scheduled_until is null then null else clock_timestamp() end,
      next_start_at = case when next_start_at is null then null else greatest(next_start_at, clock_timestamp()) end
     where name = $1 and paused_at is not null
    returning name)
  select ${recordActSql('reconcile resume', { subject: 'name', by: '$2', reason: '$3' })} from resumed`;

/** Resumes a paused reconciler: an interrupted run continues, then the schedule. false = it was not paused. */
export async function resumeReconciler(
  executor: Executor,
  reconciler: string,
  operator: Operator,
): Promise<boolean> {
  return (await executor.query(resumeSql, [reconciler, operator.by, operator.reason])).rowCount === 1;
}

/** Rejects with RECONCILER_PAUSED while a reconciler is paused. */
export async function requireResumed(executor: Executor, reconciler: string): Promise<void> {
  const { rows } = await executor.query<Pause>(
    `select paused_at as at, paused_by as by, paused_reason as reason
       from converge.reconciler where name = $1 and paused_at is not null`,
    [reconciler],
  );
  const [pause] = rows;
  if (pause === undefined) return;
  throw new ReconcileError(
    `${reconciler} is paused by ${pause.by} since ${pause.at.toISOString()} (${pause.reason}): nothing was run; \`converge reconcile resume ${reconciler}\` first`,
    { code: 'RECONCILER_PAUSED', category: 'configuration' },
  );
}

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
  { by, reason }: Operator,
): Promise<boolean> {
  await requireResumed(executor, reconciler);
  return (await executor.query(requestSql, [reconciler, by, reason])).rowCount === 1;
}
