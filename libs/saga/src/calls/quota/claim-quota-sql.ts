import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import {
  claim,
  claimedOf,
  type ClaimRow,
  isDue,
  type Wanted,
  wantedColumns,
  wantedSql,
} from '../work/claim-sql.ts';
import type { ClaimedWork } from '../work/work.ts';
import { CLOCK_SET_BACK } from './quota-sql.ts';
import { earnedInUs } from './quota.ts';

/**
 * As the claim without quotas, for calls of which some have one. `asking`: the rows of each quota that could be claimed, if
 * there are any. The row of a quota is locked only then, and only when a call is earned; the clock is read after the lock, so
 * that a claim that waited for another one sees what that took. Of the rows found, the oldest ones get the free calls. An
 * answered row is recorded without a call. The lock of a quota ends with the statement.
 */
const claiming = givenRows<Wanted>(
  {
    ...wantedColumns,
    quota: ['text', ({ quota }) => quota?.name],
    earned_us: ['bigint', ({ quota }) => quota && earnedInUs(quota)],
    burst_us: ['bigint', ({ quota }) => quota && earnedInUs(quota) * quota.burst],
  },
  (given) => `
  with wanted as materialized (${wantedSql(given)}),
  asking as materialized (
    select wanted.quota, min(earned_us) as earned_us, min(burst_us) as burst_us, count(*) as rows
      from wanted
     cross join lateral (
       select from converge.saga_work work
        where ${isDue('$12')} and state <> 'answered' limit wanted.places) as found
     where wanted.quota is not null group by wanted.quota),
  locked as materialized (
    select quota.name, quota.earned_at from converge.call_quota quota
     where exists (
       select from asking where asking.quota = quota.name
          and (quota.earned_at <= clock_timestamp() - asking.earned_us * interval '1 microsecond'
            or quota.earned_at > clock_timestamp() + ${CLOCK_SET_BACK}))
     order by quota.name for update),
  timed as materialized (select name, earned_at, clock_timestamp() as now from locked),
  begun as (
    select name, now, earned_us, rows, greatest(now - burst_us * interval '1 microsecond',
        case when earned_at > now + ${CLOCK_SET_BACK} then now else earned_at end) as begins_at
      from timed join asking on asking.quota = timed.name),
  free as materialized (
    select name, begins_at, least(rows, floor(extract(epoch from now - begins_at) * 1000000 / earned_us))::int as calls from begun),
  found as (
    select found.id, found.state, found.final_at, wanted.lease_ms, wanted.final_ms, wanted.quota, free.calls,
        row_number() over (partition by wanted.quota, found.state = 'answered' order by found.due_at) as place
      from wanted left join free on free.name = wanted.quota
     cross join lateral (
       select id, state, final_at, due_at from converge.saga_work work
        where ${isDue('$12')} and (wanted.quota is null or free.calls > 0 or state = 'answered')
        order by due_at limit case when free.calls > 0 then least(wanted.places, free.calls) else wanted.places end
        for update skip locked) as found),
  due as materialized (select * from found where quota is null or state = 'answered' or place <= calls),
  claimed as (${claim('$11')}),
  asked as materialized (
    select asking.quota, asking.earned_us, asking.rows > coalesce(free.calls, 0) as is_short, free.begins_at,
        (select count(*) from due where due.quota = asking.quota and due.state <> 'answered') as used
      from asking left join free on free.name = asking.quota),
  paid as (
    update converge.call_quota quota set
      earned_at = coalesce(asked.begins_at + asked.used * asked.earned_us * interval '1 microsecond', quota.earned_at),
      short_at = case when asked.is_short then clock_timestamp() else quota.short_at end
    from asked
    where quota.name = asked.quota and (asked.used > 0
      or asked.is_short and coalesce(quota.short_at < clock_timestamp() - interval '1 second', true))),
  next as (
    select min(extract(epoch from coalesce(asked.begins_at + asked.used * asked.earned_us * interval '1 microsecond', quota.earned_at)
        + asked.earned_us * interval '1 microsecond' - clock_timestamp())) * 1000 as in_ms
      from asked join converge.call_quota quota on quota.name = asked.quota where asked.is_short)
  select next.in_ms::float8 as next_in_ms, claimed.* from next left join claimed on true`,
);

/** Claimed work, and when more may be claimed. */
export interface ClaimedWithinQuotas {
  readonly claimed: readonly ClaimedWork[];
  /** The time until the next call of a quota that left due work waiting, in milliseconds. Undefined: none did. */
  readonly nextInMs: number | undefined;
}

/** Claims due work, of each quota no more than its free calls, and takes those. */
export async function claimWithinQuotas(
  executor: Executor,
  holder: string,
  wanted: readonly Wanted[],
  held: readonly string[] = [],
): Promise<ClaimedWithinQuotas> {
  const { rows } = await executor.query<{ next_in_ms: number | null } & (ClaimRow | { readonly id: null })>(
    ...claiming(wanted, holder, held),
  );
  const nextInMs = rows[0]?.next_in_ms ?? undefined;
  const claimed = rows.flatMap((row) => (row.id === null ? [] : [claimedOf(row)]));
  return { claimed, nextInMs };
}
