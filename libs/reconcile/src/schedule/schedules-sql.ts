import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import type { Pause } from '../runs/pause-sql.ts';

/** A start that is later than this is overdue, in milliseconds: restarts and changes of leaders take less. */
export const START_LATE_MS = 600_000;

/**
 * The condition of an overdue schedule, over a row `r` of converge.reconciler and its lease `l`. A run that takes long is
 * another alarm, `reconcile_overrun`.
 */
const overdueCondition = (lateMs: string): string => `
  r.paused_at is null and r.next_start_at < clock_timestamp() - ${lateMs} * interval '1 millisecond'
  and not exists (select from converge.reconcile_run n
    where n.reconciler = r.name and n.led and n.state = 'running' and n.holder = l.holder)`;

/** Joins the lease of a reconciler's schedule, if a process holds it. */
export const leaseJoin = `
  left join converge.lease l on l.name = 'reconcile/' || r.name and l.expires_at > clock_timestamp()`;

/** The last scheduled start that was decided, of a row `r`: none is of the future, unless the clock was set back since. */
export const decidedUntil = `case when r.scheduled_until > clock_timestamp() then clock_timestamp() else r.scheduled_until end`;

const announceSql = `
  update converge.reconciler r set next_start_at = $2, scheduled_until = ${decidedUntil} where name = $1 and next_start_at is distinct from $2`;

/** Records when the next start is due; null = the reconciler has no schedule. */
export async function announceStart(executor: Executor, reconciler: string, at: Date | null): Promise<void> {
  await executor.query(announceSql, [reconciler, at]);
}

/** What the condition of a reconciler is found by (`conditionOf`). */
export interface ConditionParts {
  /** When a start was due that no process makes; null = the schedule is kept. */
  readonly overdueSince: Date | null;
  readonly paused: Pause | null;
  /** The process that leads the schedule; null = none. */
  readonly leader: string | null;
  readonly requestedBy: string | null;
}

/** The same as columns. */
export type ConditionRow = Omit<ConditionParts, 'paused'> & {
  readonly paused_at: Date | null;
  readonly paused_by: string;
  readonly paused_reason: string;
};

/** The columns of a ConditionRow, over a row `r` of converge.reconciler and its lease `l`. */
export const conditionColumns = (lateMs: string): string => `
  case when ${overdueCondition(lateMs)} then r.next_start_at end as "overdueSince",
  r.paused_at, r.paused_by, r.paused_reason, l.holder as leader, r.requested_by as "requestedBy"`;

export function conditionParts(row: ConditionRow): ConditionParts {
  const { overdueSince, leader, requestedBy, paused_at: at, paused_by: by, paused_reason: reason } = row;
  return { overdueSince, leader, requestedBy, paused: at === null ? null : { at, by, reason } };
}

/** The schedule of a reconciler as its leader recorded it. */
export interface RecordedSchedule extends ConditionParts {
  readonly reconciler: string;
  /** The next start; null = it runs when keys are reported, or no process has led it yet. */
  readonly nextAt: Date | null;
  /** The scheduled start before the next one; null = none was made. */
  readonly previousAt: Date | null;
  readonly lastCompletedAt: Date | null;
  /** The newest run that was started. */
  readonly last: {
    readonly id: string;
    readonly state: string;
    readonly startedAt: string;
    readonly endedAt: string | null;
    /** Until now while it runs. In milliseconds. */
    readonly durationMs: number;
  } | null;
  /** Starts that were missed, and starts that came during the run before, in the newest 100 runs. */
  readonly missed: number;
  readonly overrun: number;
}

// One row for each reconciler; its newest runs by their index, the open one by its unique index.
const schedulesSql = `
  select r.name as reconciler, r.next_start_at as "nextAt", r.scheduled_until as "previousAt",
         r.last_run_at as "lastCompletedAt", newest.*, ${conditionColumns('$1::float8')}
    from converge.reconciler r
    ${leaseJoin}
    cross join lateral (
      select coalesce(sum(missed), 0)::int as missed, coalesce(sum(overrun), 0)::int as overrun,
             (array_agg(json_build_object('id', n.id::text, 'state', state, 'startedAt', started_at, 'endedAt', ended_at,
                'durationMs', (extract(epoch from coalesce(ended_at, clock_timestamp()) - started_at) * 1000)::float8)
                order by n.id desc) filter (where state <> 'skipped'))[1] as last
        from (select * from converge.reconcile_run where reconciler = r.name order by id desc limit 100) n) newest
   order by r.name`;

type Row = Omit<RecordedSchedule, keyof ConditionParts> & ConditionRow;

/** Reads the schedules of all reconcilers of a database; none where it lacks the tables. */
export async function readSchedules(executor: Executor): Promise<readonly RecordedSchedule[]> {
  if (!(await hasTables(executor, 'converge.reconciler'))) return [];
  const { rows } = await executor.query<Row>(schedulesSql, [START_LATE_MS]);
  return rows.map((row) => {
    const { reconciler, nextAt, previousAt, lastCompletedAt, last, missed, overrun } = row;
    return { reconciler, nextAt, previousAt, lastCompletedAt, last, missed, overrun, ...conditionParts(row) };
  });
}
