import type { Executor } from '@convergekit/postgres';
import type { ParkedState } from '../park/parked-row.ts';
import type { Attempt } from '../attempt/attempt.ts';

/** Selects parked events. An omitted condition matches everything. */
export interface ParkedFilter {
  readonly ids?: readonly string[] | undefined;
  readonly consumer?: string | undefined;
  readonly topic?: string | undefined;
  readonly key?: string | undefined;
  readonly states?: readonly ParkedState[] | undefined;
  readonly category?: string | undefined;
  readonly code?: string | undefined;
}

const matches = `($1::uuid[] is null or id = any($1)) and ($2::text is null or consumer = $2)
    and ($3::text is null or topic = $3) and ($4::text is null or key = $4)
    and ($5::text[] is null or state = any($5)) and ($6::text is null or category = $6)
    and ($7::text is null or code = $7)`;

function valuesOf({ ids, consumer, topic, key, states, category, code }: ParkedFilter): readonly unknown[] {
  return [
    ids ?? null,
    consumer ?? null,
    topic ?? null,
    key ?? null,
    states ?? null,
    category ?? null,
    code ?? null,
  ];
}

/** Parked events with the same failure. */
export interface ParkedGroup {
  readonly consumer: string;
  readonly topic: string;
  readonly state: ParkedState;
  /** Null: not attempted yet, queued behind another event of their key. */
  readonly category: string | null;
  readonly code: string | null;
  /** True when waiting does not resolve the failure: code, schema or settings must change. */
  readonly structural: boolean;
  readonly events: number;
  readonly keys: number;
  readonly oldest: Date;
  /** The reason of one of the events. */
  readonly reason: string | null;
}

// The groups for operators: reads every parked row of the consumer, up to the cap, and the closed records.
const groupsSql = `
  select consumer, topic, state, category, code, structural, count(*)::int as events, count(distinct key)::int as keys,
         min(parked_at) as oldest, min(reason) as reason
    from converge.parked where ${matches}
   group by consumer, topic, state, category, code, structural order by consumer, topic, events desc`;

export async function groupParked(executor: Executor, filter: ParkedFilter): Promise<readonly ParkedGroup[]> {
  return (await executor.query<ParkedGroup>(groupsSql, valuesOf(filter))).rows;
}

export interface ParkedSummary {
  readonly id: string;
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly state: ParkedState;
  /** The event's place in the line of its key; null when the key was released. */
  readonly seq: string | null;
  readonly run: number;
  readonly handler: string;
  readonly eventId: string | null;
  readonly type: string | null;
  readonly category: string | null;
  readonly certainty: string | null;
  readonly code: string | null;
  readonly reason: string | null;
  readonly structural: boolean;
  readonly parkedAt: Date;
  /** The time when the event's key is due next; null when the key is not retried. */
  readonly nextAt: Date | null;
  readonly note: string | null;
}

const summary = `p.id, p.consumer, p.topic, p.partition, p.record_offset as offset, p.key, p.state, p.seq, p.run, p.handler,
    p.event_id as "eventId", p.type, p.category, p.certainty, p.code, p.reason, p.structural, p.parked_at as "parkedAt",
    k.next_at as "nextAt", p.note`;
const joined = `(select * from converge.parked where ${matches}) p
    left join converge.parked_key k on k.consumer = p.consumer and k.topic = p.topic and k.key = p.line and k.state = 'waiting'`;

/** Lists parked events in the order of parking, and lines in their order. */
export async function listParked(
  executor: Executor,
  filter: ParkedFilter,
  limit: number,
): Promise<readonly ParkedSummary[]> {
  const sql = `select ${summary} from ${joined} order by p.parked_at, p.consumer, p.topic, p.line, p.seq limit $8`;
  return (await executor.query<ParkedSummary>(sql, [...valuesOf(filter), limit])).rows;
}

export interface ParkedDetail extends ParkedSummary {
  readonly headers: string;
  readonly payload: Buffer | null;
  readonly edited: Buffer | null;
  /** The attempts of this run. */
  readonly attempts: readonly Attempt[];
  readonly firstAt: Date | null;
  readonly lastAt: Date | null;
  readonly failureEvent: string | null;
  readonly audit: readonly ParkedAudit[];
}

export interface ParkedAudit {
  readonly at: Date;
  readonly action: string;
  readonly by: string;
  readonly reason: string;
  readonly state: ParkedState;
  readonly run: number;
}

const auditSql = `
  select at, action, by, reason, state, run from converge.parked_audit where parked = $1 order by id`;

export async function readParked(executor: Executor, id: string): Promise<ParkedDetail | undefined> {
  const sql = `select ${summary}, p.headers, p.payload, p.edited, p.attempts::json as attempts, p.first_at as "firstAt",
      p.last_at as "lastAt", p.failure_event as "failureEvent" from ${joined}`;
  const { rows } = await executor.query<Omit<ParkedDetail, 'audit'>>(sql, valuesOf({ ids: [id] }));
  const [row] = rows;
  if (row === undefined) return undefined;
  return { ...row, audit: (await executor.query<ParkedAudit>(auditSql, [id])).rows };
}
