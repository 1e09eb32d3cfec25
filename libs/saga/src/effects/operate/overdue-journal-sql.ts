import type { Executor } from '@convergekit/postgres';
import { pausedStepSql, pausedWorkSql } from '../work/paused-sql.ts';

/** Something that was begun, and has waited for longer than a bound, or for an operator. */
export interface OverdueEntry {
  /** `step`: of a saga; `call`: of a handler, or a timer of a saga; `workflow`. */
  readonly kind: 'step' | 'call' | 'workflow';
  /** The saga, the effect, or the workflow. */
  readonly name: string;
  /** The instance of the saga, the intent, or the workflow. */
  readonly id: string;
  readonly key: string | null;
  readonly step: string | null;
  readonly state: string;
  readonly ageMs: number;
}

// Each arm reads a partial index of what is open or stuck. A call of a step is that step's row; its timers are rows of their own.
// What a pause holds is not late: the pause itself is shown. Nor is a step whose call an operator made due again within the bound,
// by a retry or the resume of its saga: its work, found by saga_work_step, says since when it waits.
const overdueSql = `
  with bound as (select clock_timestamp() - $1::float8 * interval '1 millisecond' as at)
  select kind, name, id, key, step, state, (extract(epoch from clock_timestamp() - since) * 1000)::float8 as "ageMs"
    from (
      (select 'step' as kind, saga as name, instance as id, key, step, state, coalesce(stuck_since, changed_at) as since
         from converge.saga_fence fence, bound
        where state in ('started', 'unknown', 'undo_pending', 'stuck')
          and (stuck_since is not null or changed_at < bound.at and not ${pausedStepSql('fence')} and not exists (
            select from converge.saga_work work
             where work.saga = fence.saga and work.instance = fence.instance and work.step = fence.step and work.op in ('apply', 'compensate', 'resolve')
               and work.state in ('ready', 'calling', 'unknown', 'answered') and work.waits_since >= bound.at))
        order by changed_at limit $2)
      union all
      (select 'call', effect, id::text, key, step, state, waits_since
         from converge.saga_work work, bound
        where (state = 'stuck' or state in ('ready', 'calling', 'unknown', 'answered') and waits_since < bound.at
               and not ${pausedWorkSql('work')})
          and (saga is null or op in ('cancel', 'deadline', 'expire', 'resolve'))
        order by waits_since limit $2)
      union all
      (select 'workflow', workflow, id, null, stuck_reason, state, coalesce(due_at, created_at)
         from converge.workflow, bound
        where state = 'stuck' or due_at < bound.at
        order by created_at limit $2)) as found
   order by since limit $2`;

/**
 * Lists open steps, calls and workflows that have waited for longer than `afterMs`, and those that wait for an operator, the
 * oldest first. None where the database has no sagas.
 */
export async function readOverdueJournal(
  executor: Executor,
  { afterMs, limit }: { readonly afterMs: number; readonly limit: number },
): Promise<readonly OverdueEntry[]> {
  const { rows: found } = await executor.query<{ present: boolean }>(
    `select to_regclass('converge.saga_fence') is not null as present`,
  );
  if (found[0]?.present !== true) return [];
  return (await executor.query<OverdueEntry>(overdueSql, [afterMs, limit])).rows;
}
