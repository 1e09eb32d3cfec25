import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { BREAKER_OPEN } from '@convergekit/resilience/engine';
import { pausedStepSql, pausedWorkSql } from '../work/row-sql.ts';
import { WORKER_GONE_MS } from '../work/worker-sql.ts';

/** Something that was begun, and has waited for longer than a bound, or for an operator. */
export interface OverdueEntry {
  /** `step`: of a saga; `call`: of a handler, or a timer of a saga; `workflow`. */
  readonly kind: 'step' | 'call' | 'workflow';
  /** The saga, the call, or the workflow. */
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
      (select 'call', call, id::text, key, step, state, waits_since
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

/** Calls of one declaration that wait, and since when the longest of them could have been made, in milliseconds. */
export interface WaitingCalls {
  readonly call: string;
  readonly calls: number;
  readonly oldestMs: number;
}

const waitingColumns = `call, count(*)::int as calls,
         (extract(epoch from clock_timestamp() - min(waits_since)) * 1000)::float8 as "oldestMs"`;

// Reads the open intents, for operators; a worker says each minute that it is there.
const unclaimedSql = `
  select ${waitingColumns}
    from converge.saga_work work
   where state in ('ready', 'calling', 'unknown', 'answered')
     and waits_since < clock_timestamp() - $1::float8 * interval '1 millisecond'
     and due_at < clock_timestamp()
     and not exists (select from converge.saga_worker worker
                      where worker.call = work.call
                        and worker.seen_at > clock_timestamp() - $2::float8 * interval '1 millisecond')
   group by call order by call`;

/** Lists the calls with intents that have been due for longer than `afterMs` while no worker of them is there. */
export async function readUnclaimedWork(
  executor: Executor,
  { afterMs }: { readonly afterMs: number },
): Promise<readonly WaitingCalls[]> {
  return (await executor.query<WaitingCalls>(unclaimedSql, [afterMs, WORKER_GONE_MS])).rows;
}

/** The waiting calls that are looked at: enough to see an outage of the other system, and bounded. */
const LOOKED_AT = 10_000;

/** A call that failed is late after this time, in milliseconds: the retries of a short fault are over. */
const FAILING_MS = 60_000;

/** Calls of one declaration that wait, and why. */
export interface LateCalls extends WaitingCalls {
  /** The commonest code of their last failures, else of what they wait for (`quota`, `not_final`); null: no attempt was made. */
  readonly reason: string | null;
  /** Those that an open breaker refused since. */
  readonly refused: number;
}

// For operators. A refusal of a breaker says nothing about the other system, and a query after a call does not end its wait: the
// last failure of any operation does. A call that was never tried waits for a place or a quota, and has the longer bound.
const lateCallsSql = `
  select ${waitingColumns}, mode() within group (order by reason) as reason, (count(*) filter (where refused))::int as refused
    from (select call, waits_since, coalesce(tried.code, story::json -> -1 #>> '{wait,rule}') as reason, coalesce(tried.refused, false) as refused
            from converge.saga_work work
            left join lateral (
              select (array_agg(code order by n desc) filter (where code <> $3))[1] as code, bool_or(code = $3) as refused
                from (select n, entry #>> '{failure,code}' as code
                        from json_array_elements(work.story::json) with ordinality as kept (entry, n)) each) tried on true
           where state in ('ready', 'calling', 'unknown', 'answered')
             and waits_since < clock_timestamp() - case story when '[]' then $2::float8 else $1::float8 end * interval '1 millisecond'
             and not ${pausedWorkSql('work')}
           limit ${LOOKED_AT}) late
   group by call order by call`;

/**
 * Lists the calls whose calls have waited for too long, whatever for; a pause holds none of them. `idleMs`: the bound of those that
 * were never tried.
 */
export async function readLateCalls(
  executor: Executor,
  { idleMs }: { readonly idleMs: number },
): Promise<readonly LateCalls[]> {
  if (!(await hasTables(executor, 'converge.saga_work'))) return [];
  return (await executor.query<LateCalls>(lateCallsSql, [FAILING_MS, idleMs, BREAKER_OPEN])).rows;
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
