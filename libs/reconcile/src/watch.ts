import { executorOf } from '@convergekit/postgres';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { WorkersOptions } from './workers.ts';

/** Interval between two checks of one process, in milliseconds. */
export const WATCH_MS = 60_000;

// Uses the partial indexes of queued and of running keys.
const watchSql = `
  select count(*) filter (where state = 'queued')::int as queued,
    count(*) filter (where case state when 'queued' then next_at else leased_until end
      < clock_timestamp() - $2::float8 * interval '1 millisecond')::int as late
    from converge.reconcile_key where reconciler = $1 and state in ('queued', 'running')`;

/** Counts waiting keys, and raises an alarm for those due for longer than `lateMs`. Returns the number of late keys. */
export async function watchKeys({ reconciler, databases, lateMs, log }: WorkersOptions): Promise<number> {
  const { rows } = await executorOf(databases.actual).query<{ queued: number; late: number }>(watchSql, [
    reconciler.name,
    lateMs,
  ]);
  const { queued, late } = rows[0] ?? { queued: 0, late: 0 };
  instruments().reconcileQueue.record(queued, { [attributeNames.reconciler]: reconciler.name });
  if (late > 0)
    log.error(
      { alarm: 'reconcile_keys_late', reconciler: reconciler.name, late, queued },
      'keys are due and no worker reconciles them: look for a slow database, or raise `workers`',
    );
  return late;
}
