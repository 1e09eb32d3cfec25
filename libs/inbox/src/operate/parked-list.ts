import type { Executor } from '@convergekit/postgres';
import type { ParkedState } from '../park/parked-row.ts';
import type { Attempt } from '../attempt/attempt.ts';
import { conditionsOf, type ParkedFilter } from './parked-filter.ts';

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
  /** Failures whose texts differ only in names and numbers share it; null: not attempted yet. */
  readonly fingerprint: string | null;
  readonly parkedAt: Date;
  /** The time when the event's key is due next; null when the key is not retried. */
  readonly nextAt: Date | null;
  readonly note: string | null;
  /** The id of the failure event that was emitted when the event was given up; null: it was not given up. */
  readonly failureEvent: string | null;
}

const summary = `p.id, p.consumer, p.topic, p.partition, p.record_offset as offset, p.key, p.state, p.seq, p.run, p.handler,
    p.event_id as "eventId", p.type, p.category, p.certainty, p.code, p.reason, p.structural, p.fingerprint,
    p.parked_at as "parkedAt",
    k.next_at as "nextAt", p.note, p.failure_event as "failureEvent"`;
const joined = (where: string): string => `(select * from converge.parked where ${where}) p
    left join converge.parked_key k on k.consumer = p.consumer and k.topic = p.topic and k.key = p.line and k.state = 'waiting'`;

/** Lists parked events in the order of parking, and lines in their order. */
export async function listParked(
  executor: Executor,
  filter: ParkedFilter,
  limit: number,
): Promise<readonly ParkedSummary[]> {
  const { where, values } = conditionsOf(filter);
  const sql = `select ${summary} from ${joined(where)}
    order by p.parked_at, p.consumer, p.topic, p.line, p.seq limit $${values.length + 1}`;
  return (await executor.query<ParkedSummary>(sql, [...values, limit])).rows;
}

export interface ParkedDetail extends ParkedSummary {
  readonly headers: string;
  readonly payload: Buffer | null;
  readonly edited: Buffer | null;
  /** The attempts of this run. */
  readonly attempts: readonly Attempt[];
  readonly firstAt: Date | null;
  readonly lastAt: Date | null;
  /** The reason why a dead letter must not be retried. */
  readonly closed: string | null;
  readonly audit: readonly ParkedAudit[];
}

export interface ParkedAudit {
  readonly at: Date;
  readonly act: string;
  readonly by: string;
  readonly reason: string;
  readonly state: ParkedState;
  readonly run: number;
}

const auditSql = `
  select at, act, by, reason, before ->> 'state' as state, (before ->> 'run')::int as run from converge.audit
   where subject_kind = 'event' and subject_id = coalesce((select event_id from converge.parked where id = $1::uuid), ($1::uuid)::text)
     and before ->> 'parked' = ($1::uuid)::text order by audit.id`;

export async function readParked(executor: Executor, id: string): Promise<ParkedDetail | undefined> {
  const { where, values } = conditionsOf({ ids: [id] });
  const sql = `select ${summary}, p.headers, p.payload, p.edited, p.attempts::json as attempts, p.first_at as "firstAt",
      p.last_at as "lastAt", p.closed from ${joined(where)}`;
  const { rows } = await executor.query<Omit<ParkedDetail, 'audit'>>(sql, values);
  const [row] = rows;
  if (row === undefined) return undefined;
  return { ...row, audit: (await executor.query<ParkedAudit>(auditSql, [id])).rows };
}
