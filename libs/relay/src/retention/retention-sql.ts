import type { Executor } from '@convergekit/postgres';
import type { Fence } from '../leader/takeover-sql.ts';
import type { Horizon } from './decision.ts';

// The horizon comes from committed rows, never from memory: a hold is written before done_tick passes it. What counts
// as sent here is sent after any crash. `sent` counts held topics; the tick that is old enough is found below it, and
// the finished ids below that tick. Bisections by primary key (tick_last), each made once: where the planner merges these
// parts, it bisects for each tick that it compares.
const horizonSql = `
  with sent as materialized (
    select least(s.done_tick, (select min(t.held_at) - 1 from converge.relay_topic t)) as tick
      from converge.relay_source s, converge.lease l
     where l.name = $1 and l.term = $2::bigint
  ),
  old as materialized (
    select converge.tick_last(sent.tick, created_before => clock_timestamp() - $3 * interval '1 millisecond') as tick from sent
  ),
  finished as materialized (
    select converge.tick_last(t.number, own_most => pg_snapshot_xmin(t.snapshot)::text::xid8) as tick
      from old join converge.tick t on t.number = old.tick
  ),
  needed as materialized (
    select converge.tick_last(t.number, own_most => pg_snapshot_xmin(t.snapshot)::text::xid8) as tick
      from sent join converge.tick t on t.number = sent.tick
  )
  select sent.tick::text as sent, needed.tick::text as needed,
         (select t.floor from converge.tick t join finished on t.number = finished.tick)::text as finished
    from sent left join needed on true`;

/** undefined: another relay has the lease. */
export async function readHorizon(
  executor: Executor,
  { lease, term }: Fence,
  retainMs: number,
): Promise<Horizon | undefined> {
  const { rows } = await executor.query<{ sent: string; needed: string | null; finished: string | null }>(
    horizonSql,
    [lease, term.toString(), retainMs],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    sent: BigInt(row.sent),
    finishedUpTo: BigInt(row.finished ?? '0'),
    lowestNeeds: row.needed === null ? undefined : BigInt(row.needed),
  };
}

/**
 * Reads the last tick, up to `sent`, that saw none of the ids from `lowest` on. A tick's ceil is the sequence after its
 * snapshot.
 */
export async function readLastBefore(
  executor: Executor,
  sent: bigint,
  lowest: bigint,
): Promise<bigint | undefined> {
  const { rows } = await executor.query<{ tick: string | null }>(
    'select converge.tick_last($1::bigint, ceil_below => $2::bigint)::text as tick',
    [sent.toString(), lowest.toString()],
  );
  const tick = rows[0]?.tick ?? null;
  return tick === null ? undefined : BigInt(tick);
}

// Deletes a range by primary key, from the end of the last batch. A scan from the beginning would cross all deleted
// rows that are not vacuumed. Tick 0 is a constant, and a cursor's tick is what the log is compared with after a
// restore: an idle partition's may be very old, so they stay one by one. The lease's row FOR SHARE fences.
const deleteSql = `
  with mine as materialized (select 1 as yes from converge.lease where name = $1 and term = $2::bigint for share),
  going as materialized (
    select t.number from converge.tick t, mine
     where t.number >= $3::bigint and t.number < $4::bigint and t.number > 0
       and not exists (select from converge.relay_cursor c where c.tick = t.number)
     order by t.number limit $5
  ),
  deleted as (
    delete from converge.tick where number = any (array(select going.number from going)) returning number
  )
  select count(*)::int as ticks, max(number)::text as last from deleted`;

/** Deletes ticks of [from, below), at most `limit`; `last` is where the next batch begins after. */
export async function deleteTicks(
  executor: Executor,
  { lease, term }: Fence,
  range: { readonly from: bigint; readonly below: bigint; readonly limit: number },
): Promise<{ readonly ticks: number; readonly last: bigint | undefined }> {
  const { rows } = await executor.query<{ ticks: number; last: string | null }>(deleteSql, [
    lease,
    term.toString(),
    range.from.toString(),
    range.below.toString(),
    range.limit,
  ]);
  const { ticks = 0, last = null } = rows[0] ?? {};
  return { ticks, last: last === null ? undefined : BigInt(last) };
}
