import { type Executor, executorOf } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { WorkersOptions } from './workers.ts';

/** Interval between two checks of one process, in milliseconds. */
export const WATCH_MS = 60_000;

/** True for a key that is due, or whose worker is gone, since before `limits.late`. */
const isDue = `case state when 'queued' then next_at else leased_until end < limits.late`;

// Uses the partial indexes of queued and of running keys. Keys of a paused reconciler wait for an operator, and are not late.
const watchSql = `
  select count(*) filter (where state = 'queued')::int as queued,
    coalesce(greatest(extract(epoch from clock_timestamp() - min(next_at) filter (where state = 'queued')) * 1000, 0), 0)::float8 as due_ms,
    coalesce(extract(epoch from clock_timestamp() - min(diverged_at)) * 1000, 0)::float8 as pending_ms,
    (select count(*)::int from converge.reconciler where name = $1 and held_at is not null) as held,
    count(*) filter (where ${isDue}
      and not exists (select from converge.reconciler where name = $1 and paused_at is not null))::int as late,
    count(*) filter (where waits_since < limits.late)::int as waiting
    from converge.reconcile_key,
         (select clock_timestamp() - $2::float8 * interval '1 millisecond' as late) as limits
   where reconciler = $1 and state in ('queued', 'running')`;

// As above, of all reconcilers of a database, for operators.
const lateKeysSql = `
  select reconciler, count(*) filter (where is_due)::int as due, count(*) filter (where is_held)::int as waiting,
         mode() within group (order by reason) filter (where is_held) as reason,
         least(min(due_at) filter (where is_due), min(waits_since) filter (where is_held)) as since
    from (select k.reconciler, k.reason, k.waits_since, case state when 'queued' then next_at else leased_until end as due_at,
                 ${isDue} and not exists (select from converge.reconciler r where r.name = k.reconciler and r.paused_at is not null) as is_due,
                 coalesce(waits_since < limits.late, false) as is_held
            from converge.reconcile_key k,
                 (select clock_timestamp() - $1::float8 * interval '1 millisecond' as late) as limits
           where state in ('queued', 'running')) k
   where is_due or is_held
   group by reconciler order by reconciler`;

/** Keys of a reconciler that are late. */
export interface LateKeys {
  readonly reconciler: string;
  /** Keys that are due, and that no worker takes. */
  readonly due: number;
  /** Drifts that wait for events, parked events or open steps. */
  readonly waiting: number;
  /** What most of those wait for. */
  readonly reason: string | null;
  readonly since: Date;
}

/** Lists the reconcilers of a database with keys that have been late for longer than `lateMs`. */
export async function readLateKeys(executor: Executor, lateMs: number): Promise<readonly LateKeys[]> {
  if (!(await hasTables(executor, 'converge.reconciler'))) return [];
  return (await executor.query<LateKeys>(lateKeysSql, [lateMs])).rows;
}

interface Watched {
  readonly queued: number;
  readonly due_ms: number;
  readonly late: number;
  readonly waiting: number;
  readonly pending_ms: number;
  readonly held: number;
}

/**
 * Counts queued keys, and raises an alarm for those that are due, or wait for events and open steps, for longer than
 * `lateMs`. Returns the number of keys that are due.
 */
export async function watchKeys({ reconciler, databases, lateMs, log }: WorkersOptions): Promise<number> {
  const { rows } = await executorOf(databases.actual).query<Watched>(watchSql, [reconciler.name, lateMs]);
  const {
    queued,
    due_ms: dueMs,
    late,
    waiting,
    pending_ms: pendingMs,
    held,
  } = rows[0] ?? { queued: 0, due_ms: 0, late: 0, waiting: 0, pending_ms: 0, held: 0 };
  const labels = { [attributeNames.reconciler]: reconciler.name };
  instruments().reconcileQueue.record(queued, labels);
  instruments().reconcileQueueAge.recordMs(dueMs, labels);
  instruments().reconcilePendingAge.recordMs(pendingMs, labels);
  instruments().reconcileHeld.record(held, labels);
  if (late > 0 || waiting > 0)
    log.error(
      { alarm: 'reconcile_keys_late', reconciler: reconciler.name, late, waiting, queued },
      late > 0
        ? 'keys are due and no worker reconciles them: look for a slow database, or raise `workers`'
        : 'drifts wait for events, parked events or open steps: the column `reason` of converge.reconcile_key names them',
    );
  return late;
}
