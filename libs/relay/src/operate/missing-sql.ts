import type { Executor } from '@convergekit/postgres';
import type { Tick } from '../window/tick.ts';

export interface MissingRow {
  readonly id: string;
  readonly xid: string;
  readonly event_id: string;
  readonly key: string;
  readonly type: string;
  readonly headers: string;
  readonly payload: string;
  readonly created_ms: number;
}

export interface RangeRead {
  readonly topic: string;
  /** The tick before the first window of the range, which ends at `last`. */
  readonly previous: Tick;
  readonly last: Tick;
  readonly ceil: bigint;
}

// A range of windows at once, by primary key. The relay itself reads by the xid index.
const rangeSql = `
  select outbox.id::text as id, xid::text as xid, event_id::text as event_id, key, type, headers, payload,
         floor(extract(epoch from created_at) * 1000)::float8 as created_ms
    from converge.outbox
   where outbox.id > $1::bigint and outbox.id <= $2::bigint and topic = $3
     and pg_visible_in_snapshot(xid, $4::pg_snapshot) and not pg_visible_in_snapshot(xid, $5::pg_snapshot)
   order by outbox.id limit $6::int`;

export async function readRange(
  executor: Executor,
  { topic, previous, last, ceil }: RangeRead,
  after: bigint,
  limit: number,
): Promise<readonly MissingRow[]> {
  const { rows } = await executor.query<MissingRow>(rangeSql, [
    after.toString(),
    ceil.toString(),
    topic,
    last.snapshot.text,
    previous.snapshot.text,
    limit,
  ]);
  return rows;
}

/** The lowest id that a child in place can hold; everything below was dropped. */
export async function readLowestKept(executor: Executor): Promise<bigint> {
  const { rows } = await executor.query<{ lowest: string | null }>(
    `select min(coalesce(substring(pg_get_expr(c.relpartbound, c.oid) from $re$FROM \\('?(\\d+)'?\\)$re$)::bigint, 0))::text as lowest
       from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'converge.outbox'::regclass and not i.inhdetachpending`,
  );
  return BigInt(rows[0]?.lowest ?? '0');
}
