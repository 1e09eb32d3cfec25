import type { Executor } from '@convergekit/postgres';
import type { Pause } from '../runs/pause-sql.ts';
import { leaseJoin, overdueCondition, START_LATE_MS } from './overdue-sql.ts';

/** The schedule of a reconciler as its leader recorded it. */
export interface RecordedSchedule {
  readonly reconciler: string;
  /** The next start; null = it runs when keys are reported, or no process has led it yet. */
  readonly nextAt: Date | null;
  /** The scheduled start before the next one; null = none was made. */
  readonly previousAt: Date | null;
  readonly overdueSince: Date | null;
  readonly paused: Pause | null;
  /** The process that leads the schedule; null = none. */
  readonly leader: string | null;
  readonly requestedBy: string | null;
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

// One row for each reconciler; its newest runs by their index.
const schedulesSql = `
  select r.name as reconciler, r.next_start_at as "nextAt", r.scheduled_until as "previousAt",
         case when ${overdueCondition('$1::float8')} then r.next_start_at end as "overdueSince",
         r.paused_at, r.paused_by, r.paused_reason, l.holder as leader, r.requested_by as "requestedBy", newest.*
    from converge.reconciler r
    ${leaseJoin}
    cross join lateral (
      select coalesce(sum(missed), 0)::int as missed, coalesce(sum(overrun), 0)::int as overrun,
             (array_agg(json_build_object('id', n.id::text, 'state', state, 'startedAt', started_at, 'endedAt', ended_at,
                'durationMs', (extract(epoch from coalesce(ended_at, clock_timestamp()) - started_at) * 1000)::float8)
                order by n.id desc) filter (where state <> 'skipped'))[1] as last
        from (select * from converge.reconcile_run where reconciler = r.name order by id desc limit 100) n) newest
   order by r.name`;

type Row = Omit<RecordedSchedule, 'paused'> & {
  readonly paused_at: Date | null;
  readonly paused_by: string;
  readonly paused_reason: string;
};

/** Reads the schedules of all reconcilers of a database. */
export async function readSchedules(executor: Executor): Promise<readonly RecordedSchedule[]> {
  const { rows } = await executor.query<Row>(schedulesSql, [START_LATE_MS]);
  return rows.map(({ paused_at: at, paused_by: by, paused_reason: reason, ...row }) => ({
    ...row,
    paused: at === null ? null : { at, by, reason },
  }));
}
