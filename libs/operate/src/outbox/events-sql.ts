import type { Executor } from '@convergekit/postgres';

/** The filter of events. All given conditions must hold. */
export interface EventFilter {
  readonly ids?: readonly string[] | undefined;
  readonly topic?: string | undefined;
  readonly key?: string | undefined;
  readonly type?: string | undefined;
  /** Written at or after, and before. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** Selects published or unpublished events; undefined: both. */
  readonly published?: boolean | undefined;
  /** The row id above which events are selected. */
  readonly afterId?: bigint | undefined;
}

export interface ListedEvent {
  readonly id: string;
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly bytes: number;
  readonly published: boolean;
  readonly createdAt: Date;
}

export interface WholeEvent extends Pick<ListedEvent, 'id' | 'eventId' | 'topic' | 'key' | 'type'> {
  readonly headers: string;
  readonly payload: string;
  /** The digests of its fields to search by. */
  readonly search: readonly string[] | null;
}

// An event is published when the last acknowledged window saw it; for a held topic, the last window before the hold.
// Events that were sent and not acknowledged count as not published: at most a moment's worth.
export const publishedSql = `
  coalesce(pg_visible_in_snapshot(o.xid, coalesce(
    (select before.snapshot from converge.relay_topic r join converge.tick before on before.number = r.held_at - 1
      where r.topic = o.topic),
    (select t.snapshot from converge.relay_source s join converge.tick t on t.number = s.done_tick))), false)`;

// The filter has only the primary key as index: one that matches few rows reads many. The listing is meant for people.
const conditionsSql = `
      ($1::uuid[] is null or o.event_id = any ($1)) and ($2::text is null or o.topic = $2)
  and ($3::text is null or o.key = $3) and ($4::text is null or o.type = $4)
  and ($5::timestamptz is null or o.created_at >= $5) and ($6::timestamptz is null or o.created_at < $6)
  and ($7::boolean is null or ${publishedSql} = $7) and ($8::bigint is null or o.id > $8)`;

function valuesOf(filter: EventFilter): readonly unknown[] {
  const { ids, topic, key, type, from, to, published, afterId } = filter;
  const values = [ids, topic, key, type, from, to, published, afterId?.toString()];
  return values.map((value) => value ?? null);
}

/** Lists events, newest first. */
export async function listEvents(
  executor: Executor,
  filter: EventFilter,
  limit: number,
): Promise<readonly ListedEvent[]> {
  const { rows } = await executor.query<ListedEvent>(
    `select o.id::text, o.event_id::text as "eventId", o.topic, o.key, o.type, octet_length(o.payload) as bytes,
            ${publishedSql} as published, o.created_at as "createdAt"
       from converge.outbox o where ${conditionsSql} order by o.id desc limit $9`,
    [...valuesOf(filter), limit],
  );
  return rows;
}

/** Reads events in the order of id: for one key, the order of the commits. */
export async function readWhole(
  executor: Executor,
  filter: EventFilter,
  limit: number,
): Promise<readonly WholeEvent[]> {
  const { rows } = await executor.query<WholeEvent>(
    `select o.id::text, o.event_id::text as "eventId", o.topic, o.key, o.type, o.headers, o.payload,
            o.search::text[] as search
       from converge.outbox o where ${conditionsSql} order by o.id limit $9`,
    [...valuesOf(filter), limit],
  );
  return rows;
}

export async function countEvents(executor: Executor, filter: EventFilter): Promise<number> {
  const { rows } = await executor.query<{ n: number }>(
    `select count(*)::int as n from converge.outbox o where ${conditionsSql}`,
    valuesOf(filter),
  );
  return rows[0]?.n ?? 0;
}
