import type { Executor } from '@convergekit/postgres';
import type { OutboxRow } from '../window/outbox-rows.ts';
import { walkSql, type WindowRead } from '../window/read-sql.ts';

export interface MissingRow extends Omit<OutboxRow, 'topic'> {
  readonly xid: string;
}

/** Reads a page of a range of windows at once, as text. */
export async function readRange(
  executor: Executor,
  read: WindowRead,
  after: bigint,
  limit: number,
): Promise<readonly MissingRow[]> {
  const { rows } = await executor.query<MissingRow>(`
    select id::text, xid::text, event_id::text, key, type, headers, payload,
           floor(extract(epoch from created_at) * 1000)::float8 as created_ms
      from (${walkSql(read, limit, after)}) as page order by page.id`);
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
