import { pausedStepSql } from '../calls/work/row-sql.ts';
import type { Executor } from '@convergekit/postgres';
import type { FenceState } from '../fence/fence.ts';

// The states in which a step has begun and has no outcome: those of the index saga_fence_open.
const OPEN = `('started', 'unknown', 'undo_pending', 'stuck')`;

interface OpenStepSearch {
  readonly saga?: string | undefined;
  readonly step?: string | undefined;
  /** Calls and questions that were made for it so far, at least. */
  readonly attempts?: number | undefined;
  readonly limit: number;
}

// Reads what is open, by the partial index, and the work of each step by saga_work_step.
const instancesSql = `
  select f.instance from converge.saga_fence f
   where f.state in ${OPEN} and ($1::text is null or f.saga = $1) and ($2::text is null or f.step = $2)
     and ($3::int is null or exists (
       select from converge.saga_work w
        where w.saga = f.saga and w.instance = f.instance and w.step = f.step
          and w.attempts + w.queries >= $3))
   group by f.instance order by max(f.changed_at) desc limit $4`;

/** Finds the instances of which a step has begun and has no outcome yet, the latest change first. */
export async function findOpenInstances(
  executor: Executor,
  { saga, step, attempts, limit }: OpenStepSearch,
): Promise<readonly string[]> {
  const given = [saga ?? null, step ?? null, attempts ?? null, limit];
  const { rows } = await executor.query<{ instance: string }>(instancesSql, given);
  return rows.map(({ instance }) => instance);
}

/** A step that an operator can have attempted now. */
export interface WaitingStep {
  readonly instance: string;
  readonly step: string;
  /** True when its effect may be there already: its outcome is not known. */
  readonly inDoubt: boolean;
}

// Each saga's fences are read by the primary key, their work by saga_work_step. Timers end by themselves and are left out, as
// is what a pause holds: `retryStep` refuses it.
const waitingSql = `
  select f.instance, f.step, f.state in ('unknown', 'stuck') as "inDoubt"
    from unnest($1::text[], $2::text[]) as wanted (saga, instance)
    join converge.saga_fence f on f.saga = wanted.saga and f.instance = wanted.instance
   where f.state in ${OPEN} and (f.state = 'stuck' or exists (
     select from converge.saga_work w
      where w.saga = f.saga and w.instance = f.instance and w.step = f.step
        and w.op in ('apply', 'compensate', 'resolve')))
     and not ${pausedStepSql('f')}
   order by f.changed_at, f.instance, f.step`;

/** Finds the steps of these sagas that wait in this database, the longest unchanged first. */
export async function findWaitingSteps(
  executor: Executor,
  sagas: readonly { readonly saga: string; readonly instance: string }[],
): Promise<readonly WaitingStep[]> {
  const names = sagas.map(({ saga }) => saga);
  const instances = sagas.map(({ instance }) => instance);
  return (await executor.query<WaitingStep>(waitingSql, [names, instances])).rows;
}

interface StepCount {
  readonly saga: string;
  readonly version: number;
  readonly step: string;
  readonly state: FenceState;
  readonly count: number;
}

const countSql = `
  select saga, version, step, state, count(*)::int as count
    from (select saga, version, step, state from converge.saga_fence where state in ${OPEN} limit $1) few
   group by saga, version, step, state order by saga, version, step, state`;

/** Counts the steps that have begun and have no outcome yet, reading at most `most` of them. */
export async function countOpenSteps(executor: Executor, most: number): Promise<readonly StepCount[]> {
  return (await executor.query<StepCount>(countSql, [most])).rows;
}
