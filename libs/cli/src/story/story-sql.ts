import type { Executor } from '@converge/postgres';

/** An event as its outbox row tells it. */
export interface StoredEvent {
  readonly kind: 'emitted' | 'caused' | 'again';
  readonly at: string;
  readonly eventId: string;
  readonly type: string;
  readonly topic: string;
  readonly key: string;
  readonly causationId: string | null;
  readonly attemptId: string | null;
  readonly published: boolean;
  readonly source: string;
  readonly sourceId: string;
  /** What the relay knows of its place; null before its tick. */
  readonly position: { readonly epoch: number; readonly tick: string; readonly id: string } | null;
  readonly partitions: number | null;
}

export interface StoredAttempt {
  readonly kind: 'attempt';
  readonly at: string;
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly phase: string;
  readonly eventId: string;
  readonly place: string;
  readonly run: number;
  readonly number: number;
  readonly durationMs: number;
  readonly outcome: string;
  readonly failure: {
    readonly category: string;
    readonly certainty: string;
    readonly code: string;
    readonly message: string;
  } | null;
  readonly wait: {
    readonly rule: string;
    readonly computedMs: number;
    readonly hintMs: number | null;
    readonly capMs: number;
    readonly budgetLeft: number | null;
  } | null;
  readonly causedBy: string | null;
}

export interface StoredPark {
  readonly kind: 'parked';
  readonly at: string;
  readonly consumer: string;
  readonly handler: string;
  readonly eventId: string;
  readonly place: string;
  readonly state: string;
  readonly run: number;
  readonly note: string | null;
  readonly changedAt: string;
  /** Where it stands in the line of its key. */
  readonly ahead: number;
  readonly nextAt: string | null;
  readonly failureEvent: string | null;
}

export interface StoredForeign {
  readonly kind: 'seen';
  readonly at: string;
  readonly consumer: string;
  readonly eventId: string;
}

export type Stored = StoredEvent | StoredAttempt | StoredPark | StoredForeign;

const publishedSql = `
  coalesce(pg_visible_in_snapshot(o.xid, coalesce(
    (select before.snapshot from converge.relay_topic r join converge.tick before on before.number = r.held_at - 1
      where r.topic = o.topic),
    (select t.snapshot from converge.relay_source s join converge.tick t on t.number = s.done_tick))), false)`;

// For a person with one event in mind: the outbox is read as a whole, since neither ids nor causes have an index there.
// Attempts and parked events are found by theirs. Everything is one statement, so the answer is of one moment.
const storySql = `
  with named as (
    select case when o.event_id::text = any ($1) then 'emitted'
                when o.headers::json ->> 'ce_replayof' = any ($1) then 'again' else 'caused' end as kind, o.*
      from converge.outbox o
     where o.event_id::text = any ($1)
        or (exists (select from unnest($1::text[]) i where strpos(o.headers, i) > 0)
            and (o.headers::json ->> 'ce_causationid' = any ($1) or o.headers::json ->> 'ce_replayof' = any ($1)))
  )
  select o.created_at as at, json_build_object('kind', o.kind, 'at', o.created_at, 'eventId', o.event_id, 'type', o.type,
           'topic', o.topic, 'key', o.key, 'causationId', o.headers::json ->> 'ce_causationid',
           'attemptId', o.headers::json ->> 'ce_attemptid', 'published', ${publishedSql},
           'source', s.name, 'sourceId', s.id, 'partitions', r.partitions,
           'position', case when t.number is null then null
             else json_build_object('epoch', t.epoch, 'tick', t.number::text, 'id', o.id::text) end) as stored
    from named o cross join converge.source s left join converge.relay_topic r on r.topic = o.topic
    left join lateral (select t.number, t.epoch from converge.tick t
      where t.number > 0 and pg_visible_in_snapshot(o.xid, t.snapshot) order by t.number limit 1) t on true
  union all
  select a.started_at, json_build_object('kind', 'attempt', 'at', a.started_at, 'id', a.id, 'consumer', a.consumer,
           'handler', a.handler, 'phase', a.phase, 'eventId', a.event_id,
           'place', a.topic || '/' || a.partition || ' at ' || a.record_offset, 'run', a.run, 'number', a.number,
           'durationMs', a.duration_ms, 'outcome', a.outcome, 'causedBy', a.caused_by,
           'failure', case when a.category is null then null else json_build_object('category', a.category,
             'certainty', a.certainty, 'code', a.code, 'message', a.message) end,
           'wait', case when a.wait_rule is null then null else json_build_object('rule', a.wait_rule,
             'computedMs', a.wait_ms, 'hintMs', a.wait_hint_ms, 'capMs', a.wait_cap_ms,
             'budgetLeft', a.wait_budget_left) end)
    from converge.inbox_attempt a where a.event_id = any ($1)
  union all
  select p.parked_at, json_build_object('kind', 'parked', 'at', p.parked_at, 'consumer', p.consumer, 'handler', p.handler,
           'eventId', p.event_id, 'place', p.topic || '/' || p.partition || ' at ' || p.record_offset, 'state', p.state,
           'run', p.run, 'note', p.note, 'changedAt', p.changed_at, 'nextAt', k.next_at, 'failureEvent', p.failure_event,
           'ahead', (select count(*)::int from converge.parked q
             where q.consumer = p.consumer and q.topic = p.topic and q.line = p.line and q.seq < p.seq))
    from converge.parked p
    left join converge.parked_key k on k.consumer = p.consumer and k.topic = p.topic and k.key = p.line
   where p.event_id = any ($1)
  union all
  select f.seen_at, json_build_object('kind', 'seen', 'at', f.seen_at, 'consumer', f.consumer, 'eventId', f.event_id)
    from converge.inbox_foreign f where f.event_id = any ($1)`;

/** What this database knows of these events, in the order in which it happened. */
export async function readStored(executor: Executor, ids: readonly string[]): Promise<readonly Stored[]> {
  const { rows } = await executor.query<{ stored: Stored }>(
    `select stored from (${storySql}) as told(at, stored) order by at`,
    [ids],
  );
  return rows.map(({ stored }) => stored);
}

export interface EventPlace {
  readonly topic: string;
  readonly partition: number;
  readonly sourceId: string;
  readonly epoch: number;
  readonly tick: string;
  readonly id: string;
}

/** How far a consumer is in the event's partition. A watermark has no time: it says whether, not when. */
export interface Delivery {
  readonly consumer: string;
  readonly passed: boolean;
  readonly halted: string | null;
}

// Primary key look-ups. A consumer that has seen nothing of the source in this partition has no watermark yet.
const deliverySql = `
  select p.consumer, coalesce(row(w.tick, w.id) >= row($5::bigint, $6::bigint), false) as passed, p.halted_code as halted
    from converge.inbox_partition p
    left join converge.inbox_watermark w on w.consumer = p.consumer and w.topic = p.topic and w.partition = p.partition
     and w.source = $3 and w.epoch = $4
   where p.topic = $1 and p.partition = $2 order by p.consumer`;

export async function readDeliveries(executor: Executor, place: EventPlace): Promise<readonly Delivery[]> {
  const { topic, partition, sourceId, epoch, tick, id } = place;
  return (await executor.query<Delivery>(deliverySql, [topic, partition, sourceId, epoch, tick, id])).rows;
}
