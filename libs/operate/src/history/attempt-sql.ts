import type { Executor } from '@convergekit/postgres';
import type { StoredAct, StoredRepair } from './act-sql.ts';
import type { StoredCall, StoredCallAttempt } from './calls.ts';

/** An event, as the outbox row has it. */
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
  /** The position of the event, set by the relay; null before its tick. */
  readonly position: { readonly epoch: number; readonly tick: string; readonly id: string } | null;
  readonly partitions: number | null;
}

/** The failure of an attempt. */
export interface Failed {
  readonly category: string;
  readonly certainty: string;
  readonly code: string;
  readonly message: string;
}

/** The wait after an attempt, and the rule that it is of. */
export interface TimedWait {
  readonly rule: string;
  readonly computedMs: number;
  readonly hintMs?: number | null | undefined;
  readonly capMs: number;
  readonly budgetLeft?: number | undefined;
}

export interface StoredAttempt {
  readonly kind: 'attempt';
  readonly at: string;
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly phase: string;
  readonly eventId: string;
  readonly key: string;
  readonly place: string;
  readonly run: number;
  readonly number: number;
  readonly durationMs: number;
  readonly outcome: string;
  readonly failure: Failed | null;
  readonly wait: TimedWait | null;
  readonly causedBy: string | null;
  /** The time since which the event had waited in its line, for an attempt by a drain. */
  readonly parkedAt: string | null;
}

export interface StoredPark {
  readonly kind: 'parked';
  readonly at: string;
  readonly consumer: string;
  readonly handler: string;
  readonly eventId: string;
  readonly key: string;
  readonly place: string;
  readonly state: string;
  readonly run: number;
  readonly note: string | null;
  readonly changedAt: string;
  /** The number of events ahead of this event in the line of its key. */
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

/** Stored rows, with the calls that handlers requested of other systems, acts of operators, and repairs. */
export type Recorded = Stored | StoredCall | StoredCallAttempt | StoredAct | StoredRepair;

// The statement uses the indexes on event_id; it is a single one, so that the answer is of one moment.
const knownSql = `
  select a.started_at as at, json_build_object('kind', 'attempt', 'at', a.started_at, 'id', a.id, 'consumer', a.consumer,
           'handler', a.handler, 'phase', a.phase, 'eventId', a.event_id, 'key', a.key,
           'place', a.topic || '/' || a.partition || ' at ' || a.record_offset, 'run', a.run, 'number', a.number,
           'durationMs', a.duration_ms, 'outcome', a.outcome, 'causedBy', a.caused_by, 'parkedAt', a.parked_at,
           'failure', case when a.category is null then null else json_build_object('category', a.category,
             'certainty', a.certainty, 'code', a.code, 'message', a.message) end,
           'wait', case when a.wait_rule is null then null else json_build_object('rule', a.wait_rule,
             'computedMs', a.wait_ms, 'hintMs', a.wait_hint_ms, 'capMs', a.wait_cap_ms) end) as stored
    from converge.inbox_attempt a where a.event_id = any ($1)
  union all
  select p.parked_at, json_build_object('kind', 'parked', 'at', p.parked_at, 'consumer', p.consumer, 'handler', p.handler,
           'eventId', p.event_id, 'key', p.key, 'place', p.topic || '/' || p.partition || ' at ' || p.record_offset, 'state', p.state,
           'run', p.run, 'note', p.note, 'changedAt', p.changed_at, 'nextAt', k.next_at, 'failureEvent', p.failure_event,
           'ahead', (select count(*)::int from converge.parked q
             where q.consumer = p.consumer and q.topic = p.topic and q.line = p.line and q.seq < p.seq))
    from converge.parked p
    left join converge.parked_key k on k.consumer = p.consumer and k.topic = p.topic and k.key = p.line
   where p.event_id = any ($1)`;

/** Reads the attempts of this database's consumers at these events, and where the events wait or were given up. */
export async function readTried(executor: Executor, ids: readonly string[]): Promise<readonly Stored[]> {
  const { rows } = await executor.query<{ stored: Stored }>(
    `select stored from (${knownSql}) as found(at, stored) order by at`,
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

/**
 * The progress of a consumer in the event's partition. A watermark has no time: it shows whether the event was handled,
 * not when.
 */
export interface Delivery {
  readonly consumer: string;
  readonly passed: boolean;
  readonly halted: string | null;
}

// The statement consists of primary key look-ups. A consumer that has seen nothing of the source in this partition has
// no watermark yet.
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
