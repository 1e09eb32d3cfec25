import type { Executor } from '@convergekit/postgres';
import type { SearchAnswer } from './schemas.ts';

/** The newest rows of an outbox that are searched: it has no index but its ids, since every emit would pay for one. */
export const SEARCHED_ROWS = 100_000;
const MOST = 100;

/** A row of a kind of answers, before the name of its database is added. */
type Found<Kind extends 'events' | 'open' | 'drift'> = Omit<SearchAnswer[Kind][number], 'database'>;

// Published is what the last acknowledged window saw; for a held topic, the last window before the hold.
const eventsSql = (condition: string): string => `
  select o.id::text as row, o.event_id::text as "eventId", o.topic, o.key, o.type, o.created_at as at,
         o.headers::json ->> 'ce_replayof' as "replayOf",
         coalesce(pg_visible_in_snapshot(o.xid, coalesce(
           (select before.snapshot from converge.relay_topic r join converge.tick before on before.number = r.held_at - 1
             where r.topic = o.topic),
           (select t.snapshot from converge.relay_source s join converge.tick t on t.number = s.done_tick))), false) as published
    from converge.outbox o where ${condition} order by o.id desc limit ${MOST}`;
const newest = `o.id > (select coalesce(max(id), 0) from converge.outbox) - ${SEARCHED_ROWS}`;
const byKeySql = eventsSql(`${newest} and o.key = $1`);
const byTraceSql = eventsSql(`${newest} and strpos(o.headers, $1) > 0`);
const byRowSql = eventsSql('o.id = $1::bigint');

/** Finds events by key or trace among the newest rows, or by the row of a position. */
export async function findEvents(
  executor: Executor,
  by: 'key' | 'trace' | 'row',
  text: string,
): Promise<readonly Found<'events'>[]> {
  const sql = { key: byKeySql, trace: byTraceSql, row: byRowSql }[by];
  return (await executor.query<Found<'events'>>(sql, [text])).rows;
}

// Both arms use the partial indexes on the key of what is open.
const openSql = `
  select * from (
    select 'step' as kind, saga as name, instance as id, step, state, coalesce(reason_code || ': ' || reason, reason_code) as reason,
           coalesce(stuck_since, changed_at) as since
      from converge.saga_fence where key = $1 and state in ('started', 'unknown', 'undo_pending', 'stuck')
    union all
    select 'call', call, id::text, step, state, stuck_reason, waits_since
      from converge.saga_work where key = $1 and saga is null and state in ('ready', 'calling', 'unknown', 'answered', 'stuck')
  ) as found order by since limit ${MOST}`;

/** Finds the open steps and calls of a key. */
export async function findOpen(executor: Executor, key: string): Promise<readonly Found<'open'>[]> {
  return (await executor.query<Found<'open'>>(openSql, [key])).rows;
}

// By the primary key, once for each reconciler.
const driftSql = `
  select k.reconciler, k.key, k.state, k.reason, k.next_at as "nextAt"
    from converge.reconciler r join converge.reconcile_key k on k.reconciler = r.name and k.key = $1
   order by k.reconciler limit ${MOST}`;

/** Finds the reconcilers that have a key in their queue. */
export async function findDrift(executor: Executor, key: string): Promise<readonly Found<'drift'>[]> {
  return (await executor.query<Found<'drift'>>(driftSql, [key])).rows;
}

const payloadSql = `select payload from converge.outbox where id = $1::bigint and event_id = $2::uuid`;

/** Reads the payload of an event by its row; undefined when the row was dropped. */
export async function readPayload(
  executor: Executor,
  row: string,
  eventId: string,
): Promise<string | undefined> {
  return (await executor.query<{ payload: string }>(payloadSql, [row, eventId])).rows[0]?.payload;
}
