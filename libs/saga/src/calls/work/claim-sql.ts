import type { Executor } from '@convergekit/postgres';
import { endsTooLate, type GivenColumns, givenRows, LeasedTable } from '@convergekit/postgres/engine';
import type { Quota } from '../quota/quota.ts';
import { inputSql } from './row-sql.ts';
import type { Cause, ClaimedWork, Outcome, WorkAttempt } from './work.ts';

/** The number of rows of a call that a worker may take, and their lease. Times are in milliseconds. */
export interface Wanted {
  readonly call: string;
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

/** The columns of wanted calls, in any claim. */
export const wantedColumns: GivenColumns<Wanted> = {
  call: ['text', ({ call }) => call],
  places: ['int', ({ places }) => places],
  lease_ms: ['float8', ({ leaseMs }) => leaseMs],
  final_ms: ['float8', ({ callMs, settleMs }) => callMs + settleMs],
  saga: ['text', ({ saga }) => saga],
  calls: ['bool', ({ calls = true }) => calls],
  queries: ['bool', ({ queries = true }) => queries],
};
/** The wanted calls whose saga is not paused as a whole. */
export const wantedSql = (given: string): string => `
    select asked.*, exists (select from converge.saga_pause pause where pause.saga = asked.saga) as is_partly_paused
      from (${given}) as asked
     where not exists (
       select from converge.saga_pause pause where pause.saga = asked.saga and pause.instance = '')`;
/** The state of the fence of a row `work`, when that is the call of a step: by the primary key. */
const stepStateSql = `(select fence.state from converge.saga_fence fence
       where work.op = 'apply' and fence.saga = work.saga and fence.instance = work.instance and fence.step = work.step)`;
/** The condition that the step of a call `work` is to be undone: it is ended without a call, or its outcome is queried. */
const coveredSql = `coalesce(${stepStateSql} = 'undo_pending', false)`;
/** The condition that a row `work` of a `wanted` call may be taken. `held`: the parameter with the rows at hand. */
export const isDue = (held: string): string => `call = wanted.call and due_at <= clock_timestamp()
          and state in ('ready', 'calling', 'unknown', 'answered') and id <> all (${held}::uuid[])
          and case state when 'answered' then true when 'ready' then wanted.calls or ${coveredSql} else wanted.queries end
          and (not wanted.is_partly_paused or not exists (
            select from converge.saga_pause pause where pause.saga = wanted.saga and pause.instance = work.instance))`;
/** Takes the rows of `due`. `holder`: the parameter with the holder. */
export const claim = (holder: string): string => `update converge.saga_work work set
    state = case due.state when 'ready' then 'calling' else due.state end,
    final_at = case due.state when 'ready' then greatest(work.final_at,
      clock_timestamp() + due.final_ms * interval '1 millisecond') else work.final_at end,
    due_at = clock_timestamp() + due.lease_ms * interval '1 millisecond', holder = ${holder}, term = work.term + 1
  from due where work.id = due.id
  returning work.id, work.consumer, work.handler, work.call, work.op, work.key, work.idempotency_key as "idempotencyKey", work.cause,
    ${inputSql('work')} as input, to_json(work.created_at) #>> '{}' as "createdAt", due.state as found, work.outcome, work.term,
    work.attempts, work.queries, work.story, (extract(epoch from clock_timestamp() - work.created_at) * 1000)::float8 as "ageMs",
    due.final_at is not null as doubt, due.final_at::text as "doubtUntil", due.final_ms::float8 as "finalMs",
    (coalesce(extract(epoch from work.final_at - clock_timestamp()), 0) * 1000)::float8 as "finalInMs",
    ${coveredSql} as covered`;

/**
 * Takes what is due of each call, oldest first, up to its free places. The lease is committed before anything is
 * done, so that no other worker calls when this connection breaks; `calling` is written with it, so that a worker that finds the
 * row after a crash knows that a call may have been made. A lease that has ended makes the row due again: `due_at` is
 * both, and one index range (saga_work_due: call, due_at; open rows only) finds both without a sort. SKIP LOCKED:
 * workers pass each other. All times are the database's. Whether the step of a call is to be undone is read by the
 * primary key of its fence, without a lock. Work of a paused saga is not taken: all of a call when the saga is paused,
 * row by row when only some of its instances are. Without a pause that costs a look at an empty table for each call.
 * Work whose call an open breaker would refuse is not taken either: it stays due, until a probe may be made, or until its step is
 * to be undone, which needs no call. Only behind an open breaker the fence of each due row is read for that.
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

/** A row that a worker holds. */
export type Held = Pick<ClaimedWork, 'id' | 'term'>;

// A row whose outcome is being recorded is locked, and needs no lease.
const works = new LeasedTable({
  table: 'converge.saga_work',
  key: { id: 'uuid' },
  fence: { term: 'bigint' },
  lease: 'due_at',
  renewable: `one.holder is not null and one.state in ('ready', 'calling', 'unknown', 'answered')`,
});

/** Renews the leases of held rows. Returns the ids of those that were renewed. */
export async function renewLeases(
  executor: Executor,
  held: readonly Held[],
  leaseMs: number,
): Promise<readonly string[]> {
  return (await works.renew(executor, held, leaseMs)).map(({ id }) => id);
}

/** The condition that a resume made work due at its rate: it could not have been done before, although it is older. */
const isSpread = 'one.due_at = one.waits_since and one.created_at <= clock_timestamp()';

// The search is a range of saga_work_due, which holds what a resume spread, and else nothing unless the clock was set back.
const rescheduling = givenRows<Wanted & { readonly longestMs: number }>(
  { ...wantedColumns, longest_ms: ['float8', ({ longestMs }) => longestMs] },
  (given) =>
    works.change(
      works.pick(
        `one.state in ('ready', 'calling', 'unknown', 'answered') and ${endsTooLate('one.due_at', 'wanted.longest_ms')} and not (${isSpread})`,
        '',
        'one.id, wanted.lease_ms, wanted.final_ms',
        `(${given}) as wanted join converge.saga_work as one on one.call = wanted.call`,
      ),
      `due_at = clock_timestamp() + case when one.holder is null then 0 else picked.lease_ms end * interval '1 millisecond',
       final_at = least(one.final_at, clock_timestamp() + picked.final_ms * interval '1 millisecond')`,
    ),
);

/**
 * Makes work due that is due later than any can be, since the database's clock was set back. Work that is held is due after its
 * lease, which a worker that lives renews; what a resume spread keeps its time. `longestMs`: the longest wait.
 */
export async function rescheduleWork(
  executor: Executor,
  wanted: readonly (Wanted & { readonly longestMs: number })[],
): Promise<void> {
  if (wanted.length > 0) await executor.query(...rescheduling(wanted));
}

/** A claimed row, with its JSON as text. */
export interface ClaimRow extends Omit<ClaimedWork, 'cause' | 'outcome' | 'story'> {
  readonly cause: string;
  readonly outcome: string | null;
  readonly story: string;
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

export function claimedOf({ cause, outcome, story, ...row }: ClaimRow): ClaimedWork {
  return {
    ...row,
    cause: JSON.parse(cause) as Cause,
    outcome: outcome === null ? undefined : (JSON.parse(outcome) as Outcome),
    story: JSON.parse(story) as WorkAttempt[],
  };
}
