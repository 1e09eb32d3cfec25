import { executorOf } from '@convergekit/postgres';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { WorkersOptions } from './workers.ts';

/** Interval between two checks of one process, in milliseconds. */
export const WATCH_MS = 60_000;

// Uses the partial indexes of queued and of running keys. Keys of a paused reconciler wait for an operator, and are not late.
const watchSql = `
  select count(*) filter (where state = 'queued')::int as queued,
    coalesce(greatest(extract(epoch from clock_timestamp() - min(next_at) filter (where state = 'queued')) * 1000, 0), 0)::float8 as due_ms,
    coalesce(extract(epoch from clock_timestamp() - min(diverged_at)) * 1000, 0)::float8 as pending_ms,
    (select count(*)::int from converge.reconciler where name = $1 and held_at is not null) as held,
    count(*) filter (where case state when 'queued' then next_at else leased_until end < limits.late
      and not exists (select from converge.reconciler where name = $1 and paused_at is not null))::int as late,
    count(*) filter (where waits_since < limits.late)::int as waiting
    from converge.reconcile_key,
         (select clock_timestamp() - $2::float8 * interval '1 millisecond' as late) as limits
   where reconciler = $1 and state in ('queued', 'running')`;

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
