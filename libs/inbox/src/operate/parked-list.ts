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
  /** By drains, in this run. */
  readonly tries: number;
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
  readonly cursor: ParkedCursor;
}

/** The place in the order of parking from which the next page begins. */
export interface ParkedCursor {
  /** Microseconds since the epoch, as text. */
  readonly parkedAt: string;
  readonly id: string;
}

const summary = `p.id, p.consumer, p.topic, p.partition, p.record_offset as offset, p.key, p.state, p.seq, p.run, p.tries, p.handler,
    p.event_id as "eventId", p.type, p.category, p.certainty, p.code, p.reason, p.structural, p.fingerprint,
    p.parked_at as "parkedAt",
    k.next_at as "nextAt", p.note, p.failure_event as "failureEvent"`;
const joined = (where: string): string => `(select * from converge.parked where ${where}) p
    left join converge.parked_key k on k.consumer = p.consumer and k.topic = p.topic and k.key = p.line and k.state = 'waiting'`;

const cursor = `json_build_object('parkedAt', (extract(epoch from p.parked_at) * 1000000)::bigint::text, 'id', p.id) as cursor`;
const BEFORE_ALL: ParkedCursor = { parkedAt: '0', id: '00000000-0000-0000-0000-000000000000' };
// An event keeps its time of parking through all its runs, so one that fails again while pages are read does not come again.
const beyond = (at: number): string =>
  `(parked_at, id) > (timestamptz 'epoch' + $${at}::bigint * interval '1 microsecond', $${at + 1}::uuid)`;

/** Lists parked events in the order of parking: `limit` of them, from the place `after` on. */
export async function listParked(
  executor: Executor,
  filter: ParkedFilter,
  limit: number,
  after: ParkedCursor = BEFORE_ALL,
): Promise<readonly ParkedSummary[]> {
  const { where, values } = conditionsOf(filter);
  const at = values.length + 1;
  const page = `${where} and ${beyond(at)} order by parked_at, id limit $${at + 2}`;
  const sql = `select ${summary}, ${cursor} from ${joined(page)} order by p.parked_at, p.id`;
  return (await executor.query<ParkedSummary>(sql, [...values, after.parkedAt, after.id, limit])).rows;
}

export interface ParkedDetail extends Omit<ParkedSummary, 'cursor'> {
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
