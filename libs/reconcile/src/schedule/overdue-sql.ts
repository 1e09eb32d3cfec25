import type { Executor } from '@convergekit/postgres';

/** A start that is later than this is overdue, in milliseconds: restarts and changes of leaders take less. */
export const START_LATE_MS = 600_000;

/** A schedule whose next start is not made. */
export interface OverdueSchedule {
  readonly reconciler: string;
  /** When the start was due. */
  readonly dueAt: Date;
  readonly lastCompletedAt: Date | null;
  /** The process that leads the schedule all the same; null = none. */
  readonly leader: string | null;
}

/**
 * The condition of an overdue schedule, over a row `r` of converge.reconciler and its lease `l`. A run that takes long is
 * another alarm, `reconcile_overrun`.
 */
export const overdueCondition = (lateMs: string): string => `
  r.paused_at is null and r.next_start_at < clock_timestamp() - ${lateMs} * interval '1 millisecond'
  and not exists (select from converge.reconcile_run n
    where n.reconciler = r.name and n.led and n.state = 'running' and n.holder = l.holder)`;

/** Joins the lease of a reconciler's schedule, if a process holds it. */
export const leaseJoin = `
  left join converge.lease l on l.name = 'reconcile/' || r.name and l.expires_at > clock_timestamp()`;

// One row for each reconciler; the open run by its unique index.
const overdueSql = `
  select r.name as reconciler, r.next_start_at as "dueAt", r.last_run_at as "lastCompletedAt", l.holder as leader
    from converge.reconciler r ${leaseJoin}
   where ${overdueCondition('$1::float8')}
   order by r.name`;

const accessSql = `
  select bool_and(name is not null) as present, bool_and(has_table_privilege(name, 'select')) as readable
    from (values (to_regclass('converge.reconciler')), (to_regclass('converge.reconcile_run')),
      (to_regclass('converge.lease'))) as needed (name)`;

/**
 * Lists the schedules of a database whose next start is overdue; none where it lacks the tables. undefined: the login may
 * not read them.
 */
export async function readOverdueSchedules(
  executor: Executor,
): Promise<readonly OverdueSchedule[] | undefined> {
  const { rows } = await executor.query<{ present: boolean; readable: boolean }>(accessSql);
  if (rows[0]?.present !== true) return [];
  if (!rows[0].readable) return undefined;
  return (await executor.query<OverdueSchedule>(overdueSql, [START_LATE_MS])).rows;
}

const announceSql = `
  update converge.reconciler set next_start_at = $2 where name = $1 and next_start_at is distinct from $2`;

/** Records when the next start is due; null = the reconciler has no schedule. */
export async function announceStart(executor: Executor, reconciler: string, at: Date | null): Promise<void> {
  await executor.query(announceSql, [reconciler, at]);
}
