import type { Executor } from '@convergekit/postgres';
import type { ParkedState } from '../park/parked-row.ts';
import { conditionsOf, type ParkedFilter } from './parked-filter.ts';

/** The place in the order of parking from which the next page begins. */
export interface ParkedCursor {
  /** Microseconds since the epoch, as text. */
  readonly parkedAt: string;
  readonly id: string;
}

export interface ParkedLine {
  readonly id: string;
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
  readonly state: ParkedState;
  readonly run: number;
  /** By drains, in this run. */
  readonly tries: number;
  readonly type: string | null;
  readonly eventId: string | null;
  readonly category: string | null;
  readonly code: string | null;
  readonly reason: string | null;
  readonly parkedAt: Date;
  readonly cursor: ParkedCursor;
}

// An event keeps its time of parking through all its runs, so one that fails again while pages are read does not come again.
const pageSql = (where: string, at: number): string => `
  select id, consumer, topic, key, state, run, tries, type, event_id as "eventId", category, code, reason,
         parked_at as "parkedAt", (extract(epoch from parked_at) * 1000000)::bigint::text as micros
    from converge.parked
   where ${where} and (parked_at, id) > (timestamptz 'epoch' + $${at}::bigint * interval '1 microsecond', $${at + 1}::uuid)
   order by parked_at, id limit $${at + 2}`;

const BEFORE_ALL: ParkedCursor = { parkedAt: '0', id: '00000000-0000-0000-0000-000000000000' };

/** Lists a page of parked events in the order of parking. */
export async function pageParked(
  executor: Executor,
  filter: ParkedFilter,
  { after = BEFORE_ALL, limit }: { readonly after?: ParkedCursor | undefined; readonly limit: number },
): Promise<readonly ParkedLine[]> {
  const { where, values } = conditionsOf(filter);
  const { rows } = await executor.query<Omit<ParkedLine, 'cursor'> & { readonly micros: string }>(
    pageSql(where, values.length + 1),
    [...values, after.parkedAt, after.id, limit],
  );
  return rows.map(({ micros, ...row }) => ({ ...row, cursor: { parkedAt: micros, id: row.id } }));
}

const nowSql = `select clock_timestamp() as now`;

/** The database's time: what is parked later is not part of a retry that begins now. */
export async function parkedBy(executor: Executor): Promise<Date> {
  const now = (await executor.query<{ now: Date }>(nowSql)).rows[0]?.now;
  if (now === undefined) throw new TypeError('a select of one row that returns none');
  return now;
}

/** What became of a retried event. A row that is gone was applied. */
export interface AfterRetry {
  readonly id: string;
  readonly state: ParkedState;
  readonly tries: number;
}

export async function readAfterRetry(
  executor: Executor,
  ids: readonly string[],
): Promise<readonly AfterRetry[]> {
  const sql = 'select id, state, tries from converge.parked where id = any ($1::uuid[])';
  return (await executor.query<AfterRetry>(sql, [ids])).rows;
}
