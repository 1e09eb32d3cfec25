import type { Executor } from '@convergekit/postgres';

/** Where a sweep is. A scan that gives checkpoints continues after the last one. */
export interface Progress {
  /** Number of keys that were queued. */
  readonly keys: number;
  /** Number of chunks that the scan could not answer. */
  readonly unknown: number;
  /** Number of keys that the scan compared itself. */
  readonly compared: number;
  readonly checkpoint: Checkpoint | null;
}

/** The last place to continue at, with the counts up to there. */
export interface Checkpoint extends Omit<Progress, 'checkpoint'> {
  readonly after: string;
}

export const NO_PROGRESS: Progress = { keys: 0, unknown: 0, compared: 0, checkpoint: null };

/** A run that this process makes. */
export interface Run {
  readonly id: string;
  readonly startedAt: Date;
  readonly cause: string;
  readonly actor: string | null;
}

/** The cause of a run. */
export type RunCause = 'schedule' | 'run now' | 'once' | 'gap';

export interface NewRun {
  readonly reconciler: string;
  readonly cause: RunCause;
  readonly actor: string | null;
  readonly holder: string;
  readonly dueAt?: Date | null;
  /** The newest scheduled start that this run, or this record of skipped starts, decides. */
  readonly until?: Date;
  /** When the start after these is due; only with `until`. */
  readonly nextStartAt?: Date | null;
  readonly missed?: number;
  readonly overrun?: number;
}

// One statement, so that neither a start nor a request is lost or made twice. The unique index refuses a second open run.
const beginSql = `
  with decided as (
    update converge.reconciler set requested_by = case when $2 <> 'run now' then requested_by end,
      scheduled_until = coalesce($6::timestamptz, scheduled_until), next_start_at = case when $6::timestamptz is null then next_start_at else $12 end
     where name = $1 and ($2 = 'run now' or $6::timestamptz is not null))
  insert into converge.reconcile_run (reconciler, cause, actor, holder, due_at, missed, overrun, state, led, ended_at, reason)
  values ($1, $2, $3, $4, $5, $7, $8, $9, $10, case $9 when 'running' then null else clock_timestamp() end, $11)
  returning id::text, started_at`;

async function insertRun(
  executor: Executor,
  run: NewRun,
  as: { state: string; led: boolean; reason: string | null },
): Promise<Run> {
  const { reconciler, cause, actor, holder, dueAt = null, until = null, missed = 0, overrun = 0 } = run;
  const values = [reconciler, cause, actor, holder, dueAt, until, missed, overrun];
  const { rows } = await executor.query<{ id: string; started_at: Date }>(beginSql, [
    ...values,
    as.state,
    as.led,
    as.reason,
    run.nextStartAt ?? null,
  ]);
  const [row] = rows;
  if (row === undefined) throw new TypeError('an insert that returns nothing');
  return { id: row.id, startedAt: row.started_at, cause, actor };
}

/** Begins a run of the leader. */
export function beginRun(executor: Executor, run: NewRun): Promise<Run> {
  return insertRun(executor, run, { state: 'running', led: true, reason: null });
}

/**
 * Begins a run beside the schedule, which no other process continues. Its row says `interrupted` until it has completed: a
 * process that is killed cannot say so.
 */
export function beginUnled(executor: Executor, run: NewRun): Promise<Run> {
  return insertRun(executor, run, { state: 'interrupted', led: false, reason: null });
}

/** Records starts that are not made. */
export async function recordSkipped(executor: Executor, run: NewRun, reason: string): Promise<void> {
  await insertRun(executor, run, { state: 'skipped', led: true, reason });
}

// By the primary key. The new holder fences the former one, which may still be at work.
const takeSql = `
  update converge.reconcile_run set state = 'running', ended_at = null, holder = $2, resumed = resumed + 1, reason = null
   where id = $1 and led and state in ('running', 'interrupted')`;

/** Takes over an open run. false = it ended meanwhile. */
export async function takeRun(executor: Executor, id: string, holder: string): Promise<boolean> {
  return (await executor.query(takeSql, [id, holder])).rowCount === 1;
}

const saveSql = `
  update converge.reconcile_run set keys = $3, unknown = $4, checkpoint = $5
   where id = $1 and holder = $2 and (state = 'running' or not led)
  returning exists (select from converge.reconciler where name = reconciler and paused_at is not null) as paused`;

/** Saves how far a run is. false = another process has taken it over, or an operator paused it. */
export async function saveProgress(
  executor: Executor,
  run: { id: string; holder: string },
  { keys, unknown, checkpoint }: Progress,
): Promise<boolean> {
  const at = checkpoint === null ? null : JSON.stringify(checkpoint);
  const { rows } = await executor.query<{ paused: boolean }>(saveSql, [
    run.id,
    run.holder,
    keys,
    unknown,
    at,
  ]);
  return rows[0]?.paused === false;
}

const endSql = `
  update converge.reconcile_run set state = $3, reason = $4, ended_at = clock_timestamp()
   where id = $1 and holder = $2 and (state = 'running' or not led)`;

/** Ends a run, unless another process has taken it over. */
export async function endRun(
  executor: Executor,
  run: { id: string; holder: string },
  end: { state: 'completed' | 'interrupted' | 'failed'; reason: string | null },
): Promise<void> {
  await executor.query(endSql, [run.id, run.holder, end.state, end.reason]);
}

// Adds to the counts by outcome of a row, by the primary key.
const addSql = `
  update converge.reconcile_run set outcomes = (
    select coalesce(jsonb_object_agg(kind, total), '{}') from (
      select kind, sum(n::bigint) as total
        from (select * from jsonb_each_text(outcomes) union all select * from jsonb_each_text($2::jsonb)) as both_of (kind, n)
       group by kind) as summed)
   where id = $1`;

/** Adds comparisons to a run, by outcome. */
export async function addOutcomes(
  executor: Executor,
  id: string,
  outcomes: Readonly<Record<string, number>>,
): Promise<void> {
  await executor.query(addSql, [id, JSON.stringify(outcomes)]);
}

// A bounded number of rows by the index, beyond the newest ones. An open run stays.
const forgetSql = `
  delete from converge.reconcile_run where id in (
    select id from converge.reconcile_run
     where reconciler = $1 and not (led and state in ('running', 'interrupted'))
       and id < (select id from converge.reconcile_run where reconciler = $1 order by id desc offset $2 limit 1)
     order by id limit 1000)`;

/** Deletes runs beyond the newest `keep` of a reconciler. Returns their number. */
export async function forgetRuns(executor: Executor, reconciler: string, keep: number): Promise<number> {
  return (await executor.query(forgetSql, [reconciler, keep - 1])).rowCount;
}
