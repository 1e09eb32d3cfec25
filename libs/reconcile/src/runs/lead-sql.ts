import type { Executor } from '@convergekit/postgres';
import type { Checkpoint } from './run-sql.ts';

/** An open run of the schedule: it was begun, and is not completed. */
export interface OpenRun {
  readonly id: string;
  readonly cause: string;
  readonly actor: string | null;
  readonly startedAt: Date;
  readonly checkpoint: Checkpoint | null;
}

/** What the leader of a schedule decides by; times are the database's. */
export interface LeadState {
  readonly now: Date;
  readonly lastCompletedAt: Date | null;
  readonly lastEndedAt: Date | null;
  readonly scheduledUntil: Date | null;
  /** When the next start is due, as last recorded; null = not recorded, or no schedule. */
  readonly nextStartAt: Date | null;
  readonly paused: boolean;
  /** The operator who asked for a run; null = none did. */
  readonly requestedBy: string | null;
  readonly open: OpenRun | null;
}

interface Row {
  readonly now: Date;
  readonly last_run_at: Date | null;
  readonly last_ended_at: Date | null;
  readonly scheduled_until: Date | null;
  readonly next_start_at: Date | null;
  readonly paused: boolean;
  readonly requested_by: string | null;
  readonly id: string | null;
  readonly cause: string;
  readonly actor: string | null;
  readonly started_at: Date;
  readonly checkpoint: Checkpoint | null;
}

// Look-ups by primary key, by the unique index of open runs, and one step down the index of the newest.
const stateSql = `
  select clock_timestamp() as now, r.last_run_at, r.scheduled_until, r.next_start_at, r.paused_at is not null as paused, q.requested_by,
         (select ended_at from converge.reconcile_run where reconciler = $1 and led order by id desc limit 1) as last_ended_at,
         o.id::text as id, o.cause, o.actor, o.started_at, o.checkpoint
    from converge.reconciler r
    left join converge.reconcile_request q on q.reconciler = r.name
    left join converge.reconcile_run o on o.reconciler = r.name and o.led and o.state in ('running', 'interrupted')
   where r.name = $1`;

/** Reads the state of a reconciler; undefined = it has no row yet. */
export async function readLead(executor: Executor, reconciler: string): Promise<LeadState | undefined> {
  const { rows } = await executor.query<Row>(stateSql, [reconciler]);
  const [row] = rows;
  if (row === undefined) return undefined;
  const { id, cause, actor, started_at: startedAt, checkpoint } = row;
  return {
    now: row.now,
    lastCompletedAt: row.last_run_at,
    lastEndedAt: row.last_ended_at,
    scheduledUntil: row.scheduled_until,
    nextStartAt: row.next_start_at,
    paused: row.paused,
    requestedBy: row.requested_by,
    open: id === null ? null : { id, cause, actor, startedAt, checkpoint },
  };
}
