import type { Executor } from '@convergekit/postgres';
import { decidedUntil } from '../schedule/schedules-sql.ts';
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

// Look-ups by primary key, by the unique index of open runs, and one step down the index of the newest.
const stateSql = `
  select clock_timestamp() as now, r.last_run_at as "lastCompletedAt", ${decidedUntil} as "scheduledUntil",
         r.next_start_at as "nextStartAt", r.paused_at is not null as paused, r.requested_by as "requestedBy",
         (select ended_at from converge.reconcile_run where reconciler = $1 and led order by id desc limit 1) as "lastEndedAt",
         o.id::text as id, o.cause, o.actor, o.started_at as "startedAt", o.checkpoint
    from converge.reconciler r
    left join converge.reconcile_run o on o.reconciler = r.name and o.led and o.state in ('running', 'interrupted')
   where r.name = $1`;

type Row = Omit<LeadState, 'open'> & Omit<OpenRun, 'id'> & { readonly id: string | null };

/** Reads the state of a reconciler; undefined = it has no row yet. */
export async function readLead(executor: Executor, reconciler: string): Promise<LeadState | undefined> {
  const [row] = (await executor.query<Row>(stateSql, [reconciler])).rows;
  if (row === undefined) return undefined;
  const { id, cause, actor, startedAt, checkpoint, ...state } = row;
  return { ...state, open: id === null ? null : { id, cause, actor, startedAt, checkpoint } };
}
