import type { Executor } from '@convergekit/postgres';
import { namesSql } from '../calls/journal/runs-sql.ts';

const horizonSql = `
  select before::text, extract(epoch from clock_timestamp() - raised_at) * 1000 as age_ms
    from converge.saga_horizon where saga = $1`;

export interface Horizon {
  /** The time, in the text form of the database. */
  readonly before: string;
  readonly ageMs: number;
}

export async function readHorizon(executor: Executor, saga: string): Promise<Horizon | undefined> {
  const [row] = (await executor.query<{ before: string; age_ms: string }>(horizonSql, [saga])).rows;
  return row === undefined ? undefined : { before: row.before, ageMs: Number(row.age_ms) };
}

// The horizon only moves forward. It keeps a day at least, as saga_forget keeps a journal.
const raiseSql = `
  insert into converge.saga_horizon as known (saga, before) values ($1, clock_timestamp() - greatest($2::float8 * interval '1 millisecond', interval '1 day'))
  on conflict (saga) do update set before = excluded.before, raised_at = clock_timestamp()
  where known.before < excluded.before`;

/** Raises the horizon, below which a step without a row may have had one. */
export async function raiseHorizon(executor: Executor, saga: string, keepMs: number): Promise<void> {
  await executor.query(raiseSql, [saga, keepMs]);
}

// Pages of old runs by the indexes of times, oldest first. Rows of one run stand in several pages: it is swept as a
// whole the first time.
const pageSql = `
  select instance, at::text as at from (
    (select instance, created_at as at from converge.saga_fence
      where saga = $1 and created_at < $2::timestamptz and (stripped_at is null or changed_at > stripped_at)
        and (created_at, instance) > ($3::timestamptz, $4)
      order by created_at, instance limit $5)
    union all
    (select instance, started_at from converge.saga_start
      where saga = $1 and started_at < $2::timestamptz and (started_at, instance) > ($3::timestamptz, $4)
      order by started_at, instance limit $5)
    union all
    (select instance, changed_at from converge.saga_join
      where saga = $1 and changed_at < $2::timestamptz and (changed_at, instance) > ($3::timestamptz, $4)
      order by changed_at, instance limit $5)
  ) as old order by old.at, old.instance limit $5`;

/** A row of a run as a service knows it: by its fences, or only by its start or a join. */
export interface OldRow {
  readonly instance: string;
  readonly at: string;
}

/** Rows that are older than the horizon, behind `after`. */
export async function oldRows(
  executor: Executor,
  saga: string,
  before: string,
  after: OldRow | undefined,
  limit: number,
): Promise<readonly OldRow[]> {
  const { at = '-infinity', instance = '' } = after ?? {};
  return (await executor.query<OldRow>(pageSql, [saga, before, at, instance, limit])).rows;
}

// The time that a UUIDv7 carries; null for any other id. A run stays whole while a step of it is open, waits for an
// operator, has work or a parked key, or moved since. Its fences are locked, so that nothing moves them meanwhile: a
// later transaction finds no row.
const dueSql = `
  with run as (
    select a.instance,
        case when a.instance ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
          then to_timestamp(('x' || replace(left(a.instance, 13), '-', ''))::bit(48)::bigint / 1000.0) end as started
      from unnest($2::text[]) as a (instance)),
  locked as (
    select f.instance, f.consumer, f.key, f.state, f.stuck_since, f.changed_at from converge.saga_fence f
     where f.saga = $1 and f.instance = any ($2::text[]) for update skip locked),
  known as (
    select l.instance, count(*) as fences,
        bool_or(l.state in ('started', 'unknown', 'undo_pending', 'stuck') or l.stuck_since is not null
          or l.changed_at >= $3::timestamptz
          or exists (select from converge.parked_key k where k.consumer = l.consumer and k.key = l.key)
          or exists (select from converge.parked p
                      where p.consumer = l.consumer and p.key = l.key and p.line = p.id::text)) as is_open
      from locked l group by l.instance)
  select run.instance, run.started is not null as dated from run left join known using (instance)
   where (run.started is null or run.started < $3::timestamptz)
     and coalesce(known.is_open, false) = false
     and (select count(*) from converge.saga_fence f where f.saga = $1 and f.instance = run.instance)
       = coalesce(known.fences, 0)
     and not exists (
       select from converge.saga_work w where w.saga = $1 and w.instance = run.instance)
     and not exists (
       select from converge.saga_join j
        where j.saga = $1 and j.instance = run.instance and j.changed_at >= $3::timestamptz)`;

export interface DueRun {
  readonly instance: string;
  /** True when the run's id contains its start time. */
  readonly dated: boolean;
}

/** Returns the runs that ended here before the horizon, and locks their fences. */
export async function dueRuns(
  tx: Executor,
  saga: string,
  instances: readonly string[],
  before: string,
): Promise<readonly DueRun[]> {
  return (await tx.query<DueRun>(dueSql, [saga, instances, before])).rows;
}

// A complete join has begun its step, or undone it, in the transaction that completed it.
const incompleteSql = `
  select j.instance, j.step, j.waits_for,
         array(select jsonb_object_keys(j.members) order by 1) as come,
         array(select unnest(j.awaits) except select jsonb_object_keys(j.members) order by 1) as missing
    from converge.saga_join j
   where j.saga = $1 and j.instance = any ($2::text[]) and j.changed_at < $3::timestamptz
     and not exists (
       select from converge.saga_fence f
        where (f.saga, f.instance, f.step) = (j.saga, j.instance, j.step) and (j.waits_for = 'begin' or f.state <> 'applied'))
   order by j.instance, j.step`;

/** A step that waited for the members of a group, of which not all came. */
export interface IncompleteJoin {
  readonly instance: string;
  readonly step: string;
  readonly waits_for: 'begin' | 'undo';
  /** The types of success events where the step waited to begin, names of steps where it waited to undo. */
  readonly come: readonly string[];
  readonly missing: readonly string[];
}

/** Joins of runs that leave, whose step has not gone on. */
export async function incompleteJoins(
  tx: Executor,
  saga: string,
  runs: readonly DueRun[],
  before: string,
): Promise<readonly IncompleteJoin[]> {
  const instances = runs.map(({ instance }) => instance);
  return (await tx.query<IncompleteJoin>(incompleteSql, [saga, instances, before])).rows;
}

// Deletes by primary keys, and by the ids of events the dead letters that the run closed: by an array, since a plan by the
// consumer visits all its dead letters for each run. A step that is reached for the first time meanwhile is newer, and
// stays. The bare fence of an undated run stays: a later trigger finds its state.
const sweepSql = `
  with runs as (select unnest($2::text[] || $3::text[]) as instance),
  joins as (
    delete from converge.saga_join j using runs
     where j.saga = $1 and j.instance = runs.instance and j.changed_at < $4::timestamptz),
  starts as (
    delete from converge.saga_start s using runs
     where s.saga = $1 and s.instance = runs.instance and s.started_at < $4::timestamptz),
  begun as materialized (
    select f.consumer, event ->> 'id' as id
      from converge.saga_fence f cross join lateral json_array_elements(
        coalesce(f.intent::json, json_build_array(json_build_object('id', f.cause_event)))) as event
     where f.saga = $1 and f.instance = any ($2::text[] || $3::text[]) and f.changed_at < $4::timestamptz),
  letters as (
    delete from converge.parked p using begun
     where p.event_id = any (array(select id from begun)) and (p.consumer, p.event_id) = (begun.consumer, begun.id)
       and p.state = 'dead' and p.closed is not null and p.line is null)
  select`;

// The function runs as the owner of the tables, who alone may delete a journal.
const forgetSql = 'select converge.saga_forget($1, $2, $3, $4::timestamptz)';

/** Deletes all rows of these runs in this database; undated runs keep their bare fences. */
export async function sweepRuns(
  tx: Executor,
  saga: string,
  runs: readonly DueRun[],
  before: string,
): Promise<void> {
  const of = (dated: boolean) => runs.filter((run) => run.dated === dated).map(({ instance }) => instance);
  const values = [saga, of(true), of(false), before];
  await tx.query(sweepSql, values);
  await tx.query(forgetSql, values);
}

/** Names of the sagas of which there are fences. */
export async function sagasHere(executor: Executor): Promise<readonly string[]> {
  return (await executor.query<{ name: string }>(namesSql('saga_fence'))).rows.map(({ name }) => name);
}
