import type { Executor } from '@convergekit/postgres';
import { PARKED_STATES, type ParkedState } from '../park/parked-row.ts';
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
const joined = (rows: string): string => `(${rows}) p
    left join converge.parked_key k on k.consumer = p.consumer and k.topic = p.topic and k.key = p.line and k.state = 'waiting'`;

const cursor = `json_build_object('parkedAt', (extract(epoch from p.parked_at) * 1000000)::bigint::text, 'id', p.id) as cursor`;
const BEFORE_ALL: ParkedCursor = { parkedAt: '0', id: '00000000-0000-0000-0000-000000000000' };
// An event keeps its time of parking through all its runs, so one that fails again while pages are read does not come again.
const beyond = (at: number): string =>
  `(parked_at, id) > (timestamptz 'epoch' + $${at}::bigint * interval '1 microsecond', $${at + 1}::uuid)`;

// The index has the order of parking of each consumer and state: a page of several is merged from theirs, without the other rows.
const mergedSql = `
  with recursive consumers (name) as (
    select coalesce($1::text, (select min(consumer) from converge.parked))
    union all
    select (select min(consumer) from converge.parked where consumer > c.name) from consumers c
     where c.name is not null and $1::text is null)
  select p.* from consumers c, unnest($2::text[]) as s (name), lateral (
    select * from converge.parked
     where consumer = c.name and state = s.name and parked_at >= coalesce($3::timestamptz, '-infinity')
       and parked_at < coalesce($4::timestamptz, 'infinity') and ${beyond(5)}
     order by parked_at, id limit $7) p
   order by p.parked_at, p.id limit $7`;

/** Selects a page. With a condition that no index has, the rows that match may come late in the order: all are read. */
function pageOf(
  { consumer, states, since, until, ...others }: ParkedFilter,
  place: readonly unknown[],
): { readonly rows: string; readonly values: readonly unknown[] } {
  if (Object.values(others).every((one) => one === undefined))
    return { rows: mergedSql, values: [consumer, states ?? PARKED_STATES, since, until, ...place] };
  const { where, values } = conditionsOf({ consumer, states, since, until, ...others });
  const at = values.length + 1;
  return {
    rows: `select * from converge.parked where ${where} and ${beyond(at)} order by parked_at, id limit $${at + 2}`,
    values: [...values, ...place],
  };
}

/** Lists parked events in the order of parking: `limit` of them, from the place `after` on. */
export async function listParked(
  executor: Executor,
  filter: ParkedFilter,
  limit: number,
  after: ParkedCursor = BEFORE_ALL,
): Promise<readonly ParkedSummary[]> {
  const page = pageOf(filter, [after.parkedAt, after.id, limit]);
  const sql = `select ${summary}, ${cursor} from ${joined(page.rows)} order by p.parked_at, p.id`;
  return (await executor.query<ParkedSummary>(sql, page.values)).rows;
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
      p.last_at as "lastAt", p.closed from ${joined(`select * from converge.parked where ${where}`)}`;
  const { rows } = await executor.query<Omit<ParkedDetail, 'audit'>>(sql, values);
  const [row] = rows;
  if (row === undefined) return undefined;
  return { ...row, audit: (await executor.query<ParkedAudit>(auditSql, [id])).rows };
}
