import type { Executor } from '@convergekit/postgres';

/** An event as it was committed, without its payload. */
export interface TailEvent {
  readonly id: string;
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  /** Bytes of the payload. */
  readonly bytes: number;
  readonly createdAt: Date;
}

/** The filter of a tail. All given conditions must hold. */
export interface TailFilter {
  readonly topics?: readonly string[] | undefined;
  readonly key?: string | undefined;
  readonly type?: string | undefined;
  /** Returns an even sample of at most so many events. @default all */
  readonly most?: number | undefined;
}

export interface Tail {
  /** Where the next read begins. */
  readonly snapshot: string;
  /** The number of events that match, `COUNTED_EVENTS` at most with `most`. */
  readonly matching: number;
  /** In the order of their ids. */
  readonly events: readonly TailEvent[];
}

/** A sampled read counts so many events at most, so that it stays short after a pause. */
export const COUNTED_EVENTS = 100_000;

// By the index on xid: what committed between two snapshots, not what an id cursor would see, which misses late committers.
// The sample is every n-th event; only counts and ids are kept of the others.
const freshSql = `
  with fresh as (
    select o.id from converge.outbox o
     where (o.xid >= pg_snapshot_xmax($1::pg_snapshot) or o.xid = any (array(select pg_snapshot_xip($1::pg_snapshot))))
       and ($2::text[] is null or o.topic = any ($2)) and ($3::text is null or o.key = $3) and ($4::text is null or o.type = $4)
     limit case when $5::int is null then null else ${COUNTED_EVENTS} end),
  numbered as (select id, row_number() over (order by id) as number, count(*) over () as matching from fresh),
  sample as (select id, matching from numbered where number % greatest(1, ceil(matching::float8 / coalesce($5, matching)))::bigint = 0)
  select pg_current_snapshot()::text as now, coalesce((select max(matching) from numbered), 0)::int as matching,
         (select json_agg(json_build_object('id', o.id::text, 'eventId', o.event_id, 'topic', o.topic, 'key', o.key, 'type', o.type,
                   'bytes', octet_length(o.payload), 'createdAt', o.created_at) order by o.id)
            from sample s join converge.outbox o on o.id = s.id) as events`;

/** Reads events committed since `snapshot`; without one it reads none, and returns where to begin. */
export async function readTail(
  executor: Executor,
  snapshot: string | undefined,
  { topics, key, type, most }: TailFilter = {},
): Promise<Tail> {
  if (snapshot === undefined) {
    const { rows } = await executor.query<{ now: string }>('select pg_current_snapshot()::text as now');
    return { snapshot: rows[0]?.now ?? '', matching: 0, events: [] };
  }
  const values = [snapshot, topics ?? null, key ?? null, type ?? null, most ?? null];
  const { rows } = await executor.query<{
    now: string;
    matching: number;
    events: readonly (Omit<TailEvent, 'createdAt'> & { readonly createdAt: string })[] | null;
  }>(freshSql, values);
  const [row] = rows;
  return {
    snapshot: row?.now ?? snapshot,
    matching: row?.matching ?? 0,
    events: (row?.events ?? []).map((event) => ({ ...event, createdAt: new Date(event.createdAt) })),
  };
}
