import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { pausedStepSql, pausedWorkSql } from '../work/paused-sql.ts';
import { WORKER_GONE_MS } from '../work/worker-sql.ts';

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

/** Lists what has waited for longer than `afterMs`, or for an operator, the oldest first. None without sagas. */
export async function readOverdueJournal(
  executor: Executor,
  { afterMs, limit }: { readonly afterMs: number; readonly limit: number },
): Promise<readonly OverdueEntry[]> {
  if (!(await hasTables(executor, 'converge.saga_work'))) return [];
  return (await executor.query<OverdueEntry>(overdueSql, [afterMs, limit])).rows;
}

/** Calls of one effect that wait, and since when the longest of them could have been made, in milliseconds. */
export interface WaitingCalls {
  readonly effect: string;
  readonly calls: number;
  readonly oldestMs: number;
}

const waitingColumns = `effect, count(*)::int as calls,
         (extract(epoch from clock_timestamp() - min(waits_since)) * 1000)::float8 as "oldestMs"`;

// Reads the open intents, for operators; a worker says each minute that it is there.
const unclaimedSql = `
  select ${waitingColumns}
    from converge.saga_work work
   where state in ('ready', 'calling', 'unknown', 'answered')
     and waits_since < clock_timestamp() - $1::float8 * interval '1 millisecond'
     and due_at < clock_timestamp()
     and not exists (select from converge.saga_worker worker
                      where worker.effect = work.effect
                        and worker.seen_at > clock_timestamp() - $2::float8 * interval '1 millisecond')
   group by effect order by effect`;

/** Lists the effects with intents that have been due for longer than `afterMs` while no worker of them is there. */
export async function readUnclaimedWork(
  executor: Executor,
  { afterMs }: { readonly afterMs: number },
): Promise<readonly WaitingCalls[]> {
  return (await executor.query<WaitingCalls>(unclaimedSql, [afterMs, WORKER_GONE_MS])).rows;
}

/** The waiting calls that are looked at: enough to see that a breaker is open, and bounded. */
const LOOKED_AT = 10_000;

// For operators. A call that a breaker refused waits by its rule; another attempt in between has a wait of its own.
const breakerWaitsSql = `
  select ${waitingColumns}
    from (select effect, waits_since, story::json -> -1 #>> '{wait,rule}' as rule
            from converge.saga_work where state in ('ready', 'unknown') and story <> '[]' limit $1) open
   where rule = 'breaker_open' group by effect order by effect`;

/** Lists the effects whose calls wait for an open breaker. */
export async function readBreakerWaits(executor: Executor): Promise<readonly WaitingCalls[]> {
  return (await executor.query<WaitingCalls>(breakerWaitsSql, [LOOKED_AT])).rows;
}

// For each span a range of the indexes of ended calls, and of steps, with a failed attempt, which have all columns: a group of all
// rows would be sorted on disk. A call that is done had one attempt that succeeded.
const countSql = `
  select (select coalesce(sum(greatest(w.attempts, 1) - (w.state = 'done')::int), 0)::int from converge.saga_work w
           where w.ended_at >= s.low and w.ended_at < s.high
             and w.ended_at is not null and (w.state = 'failed' or w.attempts > 1))
       + (select coalesce(sum(f.failed_calls), 0)::int from converge.saga_fence f
           where f.changed_at >= s.low and f.changed_at < s.high and f.failed_calls > 0) as failed
    from (select span, $1::timestamptz + span * length as low, $1::timestamptz + (span + 1) * length as high
            from (select $2::float8 * interval '1 millisecond' as length) l, generate_series(0, $3::int - 1) as span) s
   order by s.span`;

/** Counts failed attempts of ended calls, in the span of their end. Empty where the database makes no calls. */
export async function countFailedCalls(
  executor: Executor,
  { from, spanMs, spans }: { readonly from: Date; readonly spanMs: number; readonly spans: number },
): Promise<readonly number[]> {
  if (!(await hasTables(executor, 'converge.saga_work'))) return [];
  const counted = await executor.query<{ failed: number }>(countSql, [from, spanMs, spans]);
  return counted.rows.map(({ failed }) => failed);
}
