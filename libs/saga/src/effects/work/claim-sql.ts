import type { Executor } from '@convergekit/postgres';
import { type GivenColumns, givenRows } from '@convergekit/postgres/engine';
import type { Quota } from '../quota/quota.ts';
import { inputSql } from './input-sql.ts';
import type { WorkOp } from './step-key.ts';
import type { Cause, ClaimedWork, OpenState, Outcome, WorkAttempt } from './work.ts';

/** The number of rows of an effect that a worker may take, and their lease. Times are in milliseconds. */
export interface Wanted {
  readonly effect: string;
  readonly places: number;
  readonly leaseMs: number;
  /** The time within which a call ends for certain. */
  readonly callMs: number;
  /** The time after that until "not found" is final. */
  readonly settleMs: number;
  /** The saga whose pause holds these rows. @default none: nothing pauses them */
  readonly saga?: string | undefined;
  /** The quota from which each claimed call is taken. @default none */
  readonly quota?: Quota | undefined;
  /** False while nothing may be called: only outcomes that are known are taken, and queries. @default true */
  readonly calls?: boolean;
  /** False while nothing may be queried. @default true */
  readonly queries?: boolean;
}

/** The columns of wanted effects, in any claim. */
export const wantedColumns: GivenColumns<Wanted> = {
  effect: ['text', ({ effect }) => effect],
  places: ['int', ({ places }) => places],
  lease_ms: ['float8', ({ leaseMs }) => leaseMs],
  final_ms: ['float8', ({ callMs, settleMs }) => callMs + settleMs],
  saga: ['text', ({ saga }) => saga],
  calls: ['bool', ({ calls = true }) => calls],
  queries: ['bool', ({ queries = true }) => queries],
};
/** The wanted effects whose saga is not paused as a whole. */
export const wantedSql = (given: string): string => `
    select asked.*, exists (select from converge.saga_pause pause where pause.saga = asked.saga) as is_partly_paused
      from (${given}) as asked
     where not exists (
       select from converge.saga_pause pause where pause.saga = asked.saga and pause.instance = '')`;
/** The condition that a row `work` of a `wanted` effect may be taken. `held`: the parameter with the rows at hand. */
export const isDue = (held: string): string => `effect = wanted.effect and due_at <= clock_timestamp()
          and state in ('ready', 'calling', 'unknown', 'answered') and id <> all (${held}::uuid[])
          and case state when 'answered' then true when 'ready' then wanted.calls else wanted.queries end
          and (not wanted.is_partly_paused or not exists (
            select from converge.saga_pause pause where pause.saga = wanted.saga and pause.instance = work.instance))`;
/** Takes the rows of `due`. `holder`: the parameter with the holder. */
export const claim = (holder: string): string => `update converge.saga_work work set
    state = case due.state when 'ready' then 'calling' else due.state end,
    final_at = case due.state when 'ready' then greatest(work.final_at,
      clock_timestamp() + due.final_ms * interval '1 millisecond') else work.final_at end,
    due_at = clock_timestamp() + due.lease_ms * interval '1 millisecond', holder = ${holder}, term = work.term + 1
  from due where work.id = due.id
  returning work.id, work.consumer, work.handler, work.effect, work.op, work.key, work.idempotency_key, work.cause, ${inputSql('work')} as input,
    to_json(work.created_at) #>> '{}' as created_at, due.state as found, work.outcome, work.term, work.attempts, work.queries, work.story,
    extract(epoch from clock_timestamp() - work.created_at) * 1000 as age_ms,
    due.final_at::text as doubt_until, due.final_ms::float8 as final_ms,
    coalesce(extract(epoch from work.final_at - clock_timestamp()) * 1000, 0) as final_in_ms,
    work.op is not distinct from 'apply' and exists (
      select from converge.saga_fence fence
       where fence.saga = work.saga and fence.instance = work.instance and fence.step = work.step
         and fence.state = 'undo_pending') as is_covered`;

/**
 * Takes what is due of each effect, oldest first, up to its free places. The lease is committed before anything is
 * done, so that no other worker calls when this connection breaks; `calling` is written with it, so that a worker that finds the
 * row after a crash knows that a call may have been made. A lease that has ended makes the row due again: `due_at` is
 * both, and one index range (saga_work_due: effect, due_at; open rows only) finds both without a sort. SKIP LOCKED:
 * workers pass each other. All times are the database's. Whether the step of a call is to be undone is read by the
 * primary key of its fence, without a lock. Work of a paused saga is not taken: all of an effect's when the saga is paused,
 * row by row when only some of its instances are. Without a pause that costs a look at an empty table for each effect.
 * Work whose call an open breaker would refuse is not taken either: it stays due, until a probe may be made.
 */
const claiming = givenRows(
  wantedColumns,
  (given) => `
  with wanted as materialized (${wantedSql(given)}),
  due as (
    select found.id, found.state, found.final_at, wanted.lease_ms, wanted.final_ms
      from wanted
     cross join lateral (
       select id, state, final_at from converge.saga_work work
        where ${isDue('$9')}
        order by due_at limit wanted.places for update skip locked) as found)
  ${claim('$8')}`,
);

export interface ClaimRow {
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly effect: string;
  readonly op: WorkOp | null;
  readonly key: string;
  readonly idempotency_key: string;
  readonly input: string;
  readonly cause: string;
  readonly created_at: string;
  readonly found: OpenState;
  readonly outcome: string | null;
  readonly term: string;
  readonly attempts: number;
  readonly queries: number;
  readonly story: string;
  readonly age_ms: string;
  readonly final_in_ms: string;
  readonly doubt_until: string | null;
  readonly final_ms: number;
  readonly is_covered: boolean;
}

/** Claims due work, whatever its quotas. `held`: rows that the worker has at hand, whatever became of their leases. */
export async function claimWork(
  executor: Executor,
  holder: string,
  wanted: readonly Wanted[],
  held: readonly string[] = [],
): Promise<readonly ClaimedWork[]> {
  return (await executor.query<ClaimRow>(...claiming(wanted, holder, held))).rows.map(claimedOf);
}

export function claimedOf(row: ClaimRow): ClaimedWork {
  return {
    id: row.id,
    consumer: row.consumer,
    handler: row.handler,
    effect: row.effect,
    op: row.op,
    key: row.key,
    idempotencyKey: row.idempotency_key,
    input: row.input,
    cause: JSON.parse(row.cause) as Cause,
    createdAt: row.created_at,
    found: row.found,
    outcome: row.outcome === null ? undefined : (JSON.parse(row.outcome) as Outcome),
    term: row.term,
    attempts: row.attempts,
    queries: row.queries,
    story: JSON.parse(row.story) as WorkAttempt[],
    ageMs: Number(row.age_ms),
    finalInMs: Number(row.final_in_ms),
    doubt: row.doubt_until !== null,
    doubtUntil: row.doubt_until,
    finalMs: row.final_ms,
    covered: row.is_covered,
  };
}
