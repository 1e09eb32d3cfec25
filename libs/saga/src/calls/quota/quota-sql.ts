import type { Executor } from '@convergekit/postgres';
import { earnedInUs, type Quota } from './quota.ts';

/** The longest time for which a call is taken in advance, in milliseconds. */
export const MOST_AHEAD_MS = 30_000;

/**
 * A time that calls cannot be earned at by `MOST_AHEAD_MS`: the clock of the database was set back. The quota then begins anew.
 */
export const CLOCK_SET_BACK = `interval '1 minute'`;

// Quotas are declared in the order of names, so that two workers do not deadlock. What is recorded already is not locked.
const declareSql = `
  insert into converge.call_quota (name, per_second, burst)
  select name, per_second, burst from unnest($1::text[], $2::float8[], $3::int[]) as g (name, per_second, burst)
   where not exists (
     select from converge.call_quota same where (same.name, same.per_second, same.burst) = (g.name, g.per_second, g.burst))
   order by name
  on conflict (name) do update set per_second = excluded.per_second, burst = excluded.burst`;

/** Records quotas, before calls are taken of them. Rates of a newer declaration replace the recorded ones. */
export async function declareQuotas(executor: Executor, quotas: Iterable<Quota>): Promise<void> {
  const all = [...new Map([...quotas].map((quota) => [quota.name, quota])).values()];
  if (all.length === 0) return;
  await executor.query(declareSql, [
    all.map(({ name }) => name),
    all.map(({ perSecond }) => perSecond),
    all.map(({ burst }) => burst),
  ]);
}

// Takes the next call. The row is locked first, and the clock is read after that: a statement that waited for the lock sees what the
// other one took. $2: microseconds in which a call is earned; $3: the burst; $4: the longest wait in microseconds.
const takeSql = `
  with locked as materialized (select name, earned_at from converge.call_quota where name = $1 for update),
  timed as materialized (select name, earned_at, clock_timestamp() as now from locked),
  next as materialized (
    select name, now, greatest(now - $3::bigint * $2::bigint * interval '1 microsecond',
      case when earned_at > now + ${CLOCK_SET_BACK} then now else earned_at end) + $2::bigint * interval '1 microsecond' as at
      from timed),
  taken as (
    update converge.call_quota quota set earned_at = next.at from next
     where quota.name = next.name and next.at <= next.now + $4::bigint * interval '1 microsecond'
    returning 1)
  select greatest(extract(epoch from at - now) * 1000, 0)::float8 as wait_ms, exists (select from taken) as is_taken from next`;

/** A call of a quota: taken, for the time after the wait, or refused because the wait is too long. */
export interface TakenCall {
  readonly isTaken: boolean;
  /** The time until the call may be made, in milliseconds. */
  readonly waitMs: number;
}

/** Takes the next call of a quota, unless it would have to wait for longer than `mostMs`. */
export async function takeCall(executor: Executor, quota: Quota, mostMs: number): Promise<TakenCall> {
  const mostUs = Math.floor(Math.min(Math.max(0, mostMs), MOST_AHEAD_MS) * 1_000);
  for (;;) {
    const values = [quota.name, earnedInUs(quota), quota.burst, mostUs];
    const { rows } = await executor.query<{ wait_ms: number; is_taken: boolean }>(takeSql, values);
    const [row] = rows;
    if (row !== undefined) return { isTaken: row.is_taken, waitMs: row.wait_ms };
    await declareQuotas(executor, [quota]);
  }
}

/** Returns the quota, as SQL, that a due row of converge.saga_work waits for since a claim left it; null: none. */
export function awaitedQuotaSql(row: string): string {
  return `(select quota.name from converge.saga_worker worker join converge.call_quota quota on quota.name = worker.quota
    where worker.call = ${row}.call and ${row}.state in ('ready', 'calling', 'unknown') and ${row}.due_at <= clock_timestamp()
      and quota.short_at > clock_timestamp() - interval '10 seconds' - interval '1 second' / quota.per_second)`;
}
