import type { Executor } from '@converge/postgres';

/** One run of a saga. */
export interface SagaRun {
  readonly saga: string;
  readonly instance: string;
}

export interface EndedRun extends SagaRun {
  /** As the database writes it, to the microsecond: where the next page begins. */
  readonly endedAt: string;
}

// By the ends' own index.
const endedSql = `
  select saga, instance, ended_at::text as "endedAt" from converge.saga_instance
   where ended_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
     and (ended_at, saga, instance) > ($2::timestamptz, $3, $4)
   order by ended_at, saga, instance limit $5`;

/** Runs that an observer saw end longer than `olderThanMs` ago, the oldest first, behind `after`. */
export async function endedRuns(
  executor: Executor,
  olderThanMs: number,
  after: EndedRun | undefined,
  limit: number,
): Promise<readonly EndedRun[]> {
  const { endedAt = '-infinity', saga = '', instance = '' } = after ?? {};
  return (await executor.query<EndedRun>(endedSql, [olderThanMs, endedAt, saga, instance, limit])).rows;
}

// What a service still has at work, or moved lately, stays, whatever the observer saw: its word alone removes no fence.
const heldSql = `
  select a.saga, a.instance from unnest($1::text[], $2::text[]) as a (saga, instance)
   where exists (select from converge.saga_fence f
                  where f.saga = a.saga and f.instance = a.instance
                    and (f.state in ('started', 'unknown', 'undo_pending', 'stuck')
                         or f.changed_at >= clock_timestamp() - $3::float8 * interval '1 millisecond'))
      or exists (select from converge.saga_work w
                  where w.saga = a.saga and w.instance = a.instance and w.ended_at is null)`;

/** Which of these runs a service is not through with. By primary keys and the index of work. */
export async function heldRuns(
  executor: Executor,
  runs: readonly SagaRun[],
  olderThanMs: number,
): Promise<readonly SagaRun[]> {
  return (await executor.query<SagaRun>(heldSql, [...columnsOf(runs), olderThanMs])).rows;
}

// A fence that moves while this waits for its lock is looked at again, and stays, with its journal. By primary keys.
const forgetSql = `
  with fences as (
    delete from converge.saga_fence f using unnest($1::text[], $2::text[]) as a (saga, instance)
     where f.saga = a.saga and f.instance = a.instance
       and f.state not in ('started', 'unknown', 'undo_pending', 'stuck')
       and f.changed_at < clock_timestamp() - $3::float8 * interval '1 millisecond'
    returning f.saga, f.instance, f.step),
  steps as (
    delete from converge.saga_step s using fences f
     where s.saga = f.saga and s.instance = f.instance and s.step = f.step),
  joins as (
    delete from converge.saga_join j using fences f
     where j.saga = f.saga and j.instance = f.instance and j.step = f.step),
  starts as (
    delete from converge.saga_start s using unnest($1::text[], $2::text[]) as a (saga, instance)
     where s.saga = a.saga and s.instance = a.instance)
  select count(*)::int as steps from fences`;

/** Takes the fences of these runs out, with their journals and all that belongs to them. Returns how many steps. */
export async function forgetSteps(
  executor: Executor,
  runs: readonly SagaRun[],
  olderThanMs: number,
): Promise<number> {
  const { rows } = await executor.query<{ steps: number }>(forgetSql, [...columnsOf(runs), olderThanMs]);
  return rows[0]?.steps ?? 0;
}

const forgetEndsSql = `
  delete from converge.saga_instance i using unnest($1::text[], $2::text[]) as a (saga, instance)
   where i.saga = a.saga and i.instance = a.instance and i.ended_at is not null`;

/** Takes ended runs out of an observer's rows. */
export async function forgetEnds(executor: Executor, runs: readonly SagaRun[]): Promise<void> {
  await executor.query(forgetEndsSql, columnsOf(runs));
}

function columnsOf(runs: readonly SagaRun[]): readonly [readonly string[], readonly string[]] {
  return [runs.map(({ saga }) => saga), runs.map(({ instance }) => instance)];
}
