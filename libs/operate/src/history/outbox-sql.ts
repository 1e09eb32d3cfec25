import type { Executor } from '@convergekit/postgres';
import { publishedSql } from '../outbox/events-sql.ts';
import type { Stored } from './attempt-sql.ts';
import { bounds, type Window } from './window.ts';

/** Ids of the outbox, `high` exclusive. */
export interface IdRange {
  readonly low: bigint;
  readonly high: bigint;
}

const endsSql = `
  select (select id from converge.outbox order by id limit 1)::text as low,
         (select id from converge.outbox order by id desc limit 1)::text as high`;
// The statement reads one tuple of the primary key; later children are not scanned. The order is by `o.id`: the
// output's id is text.
const probeSql = `
  select o.id::text as id, extract(epoch from o.created_at) * 1000 as ms
    from converge.outbox o where o.id >= $1 order by o.id limit 1`;

/**
 * Returns the rows written in these spans of time, as ranges of the primary key. Ids rise with time, so some thirty
 * look-ups find an end. The outbox has no other index than that, on purpose: every emit would pay for it.
 */
export async function rangesIn(executor: Executor, windows: readonly Window[]): Promise<readonly IdRange[]> {
  const { rows } = await executor.query<{ low: string | null; high: string | null }>(endsSql);
  const [ends] = rows;
  if (ends === undefined || ends.low === null || ends.high === null) return [];
  const whole = { low: BigInt(ends.low), high: BigInt(ends.high) + 1n };
  const ranges: IdRange[] = [];
  for (const { from, to } of windows) {
    const low = await firstSince(executor, whole, from);
    const high = await firstSince(executor, { ...whole, low }, to);
    if (low < high) ranges.push({ low, high });
  }
  return ranges;
}

/** Finds the first id from which rows were written at `ms` or later. */
async function firstSince(executor: Executor, { low, high }: IdRange, ms: number): Promise<bigint> {
  if (ms === Number.NEGATIVE_INFINITY) return low;
  if (ms === Number.POSITIVE_INFINITY) return high;
  let [least, most] = [low, high];
  while (least < most) {
    const middle = (least + most) / 2n;
    const { rows } = await executor.query<{ id: string; ms: string }>(probeSql, [`${middle}`]);
    const [row] = rows;
    if (row === undefined || Number(row.ms) >= ms) most = middle;
    else least = BigInt(row.id) + 1n;
  }
  return least;
}

// Ranges of the primary key; within them each row's ids are compared.
const eventsSql = `
  with named as (
    select case when o.event_id::text = any ($1) then 'emitted'
                when o.headers::json ->> 'ce_replayof' = any ($1) then 'again' else 'caused' end as kind, o.*
      from unnest($2::bigint[], $3::bigint[]) r(low, high) join converge.outbox o on o.id >= r.low and o.id < r.high
     where o.event_id::text = any ($1)
        or (exists (select from unnest($1::text[]) i where strpos(o.headers, i) > 0)
            and (o.headers::json ->> 'ce_causationid' = any ($1) or o.headers::json ->> 'ce_replayof' = any ($1)))
  )
  select json_build_object('kind', o.kind, 'at', o.created_at, 'eventId', o.event_id, 'type', o.type,
           'topic', o.topic, 'key', o.key, 'causationId', o.headers::json ->> 'ce_causationid',
           'attemptId', o.headers::json ->> 'ce_attemptid', 'published', ${publishedSql},
           'source', s.name, 'sourceId', s.id, 'partitions', r.partitions,
           'position', case when t.number is null then null
             else json_build_object('epoch', t.epoch, 'tick', t.number::text, 'id', o.id::text) end) as stored
    from named o cross join converge.source s left join converge.relay_topic r on r.topic = o.topic
    left join lateral (select t.number, t.epoch from converge.tick t
      where t.number > 0 and pg_visible_in_snapshot(o.xid, t.snapshot) order by t.number limit 1) t on true
   order by o.id`;

/** Reads these events, their answers and their repeats, if written in these ranges. */
export async function readEvents(
  executor: Executor,
  ids: readonly string[],
  ranges: readonly IdRange[],
): Promise<readonly Stored[]> {
  if (ranges.length === 0) return [];
  const { rows } = await executor.query<{ stored: Stored }>(eventsSql, [
    ids,
    ranges.map(({ low }) => `${low}`),
    ranges.map(({ high }) => `${high}`),
  ]);
  return rows.map(({ stored }) => stored);
}

// The search uses the index on seen_at: ids of foreign producers contain no time. Each span is looked up by itself.
const seenSql = `
  select json_build_object('kind', 'seen', 'at', f.seen_at, 'consumer', f.consumer, 'eventId', f.event_id) as stored
    from unnest($2::timestamptz[], $3::timestamptz[]) r(low, high)
   cross join lateral (
     select * from converge.inbox_foreign where seen_at >= r.low and seen_at < r.high offset 0) as f
   where f.event_id = any ($1) order by f.seen_at`;

/** Events of foreign producers that consumers recorded by their ids in these spans of time. */
export async function readSeen(
  executor: Executor,
  ids: readonly string[],
  windows: readonly Window[],
): Promise<readonly Stored[]> {
  const { from, to } = bounds(windows);
  const { rows } = await executor.query<{ stored: Stored }>(seenSql, [ids, from, to]);
  return rows.map(({ stored }) => stored);
}
