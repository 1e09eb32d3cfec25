import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { OutboxError } from './errors.ts';
import { presentSource } from './tables.ts';

/** The size of the outbox and its limit. */
export interface OutboxLimit {
  /** The limit of unpublished bytes; undefined = no limit. */
  readonly maxBytes: number | undefined;
  /** True if emits are refused at the limit; otherwise an alarm is raised and nothing more. */
  readonly refuses: boolean;
  /** Total size with indexes, retained published events included. */
  readonly totalBytes: number;
  readonly waitingBytes: number;
  /** Recent growth of the unpublished bytes per second; negative while they decrease. */
  readonly bytesPerSecond: number;
  /** Age of the measurement in milliseconds; undefined: never measured. */
  readonly measuredAgoMs: number | undefined;
}

export interface LimitSettings {
  /** Limit of unpublished bytes, with indexes. @default no limit */
  readonly maxBytes?: number;
  /** `refuse`: at the limit every emit fails with OUTBOX_FULL, until events are published. @default 'alarm' */
  readonly whenFull?: 'alarm' | 'refuse';
}

// Two statements: the second one reads what the first one wrote. It does not wait for a writer that measures.
const reportSql = `
  update converge.source
     set published_id = $1::bigint,
         max_bytes = case when $2::bigint is null then max_bytes else $2::bigint end,
         refuse = case when $2::bigint is null then refuse else $3::boolean end
   where only_row in (select only_row from converge.source for update skip locked)`;

/** Measures the outbox. The leading relay calls it. The limit of the database stays when `maxBytes` is not given. */
export async function measureOutbox(
  executor: Executor,
  publishedId: string,
  { maxBytes, whenFull = 'alarm' }: LimitSettings,
): Promise<void> {
  await executor.query(reportSql, [publishedId, maxBytes ?? null, whenFull === 'refuse']);
  await executor.query('select converge.outbox_measure()');
}

/** The largest record of an event that the table admits: a topic that takes it needs no limit of its own. */
const LARGEST_RECORD = 925_696;

const topicSql = `
  with gone as (delete from converge.topic_limit where topic = $1 and $2::int is null)
  insert into converge.topic_limit as l (topic, max_bytes) select $1, $2::int where $2::int is not null
  on conflict (topic) do update set max_bytes = excluded.max_bytes where l.max_bytes <> excluded.max_bytes`;

/** Has emits refuse events that are larger than the topic's records may be. The leading relay calls it. */
export async function limitTopic(executor: Executor, topic: string, maxBytes: number): Promise<void> {
  await executor.query(topicSql, [topic, maxBytes < LARGEST_RECORD ? maxBytes : null]);
}

const limitSql = `
  select max_bytes::float8 as "maxBytes", refuse as refuses, total_bytes::float8 as "totalBytes",
         waiting_bytes::float8 as "waitingBytes",
         case when base_at > '-infinity' and measured_at > base_at
              then ((waiting_bytes - base_bytes) / extract(epoch from measured_at - base_at))::float8 else 0 end as "bytesPerSecond",
         case when measured_at > '-infinity'
              then (extract(epoch from clock_timestamp() - measured_at) * 1000)::float8 end as "measuredAgoMs"
    from converge.source`;

export async function readLimit(executor: Executor): Promise<OutboxLimit> {
  const { rows } = await executor.query<
    Omit<OutboxLimit, 'maxBytes' | 'measuredAgoMs'> & {
      maxBytes: number | null;
      measuredAgoMs: number | null;
    }
  >(limitSql);
  const row = presentSource(rows[0]);
  return { ...row, maxBytes: row.maxBytes ?? undefined, measuredAgoMs: row.measuredAgoMs ?? undefined };
}

/** Estimates the seconds until the limit is reached; undefined if it is not. Pure. */
export function secondsToFull({ maxBytes, waitingBytes, bytesPerSecond }: OutboxLimit): number | undefined {
  if (maxBytes === undefined || bytesPerSecond <= 0) return undefined;
  return Math.max(0, (maxBytes - waitingBytes) / bytesPerSecond);
}

/** Converts the error of a refused append; returns any other error unchanged. */
export function nameRefusal(error: unknown): unknown {
  const state = sqlState(error) ?? '';
  // The kit's schema, a table or a function of it is missing.
  if (
    ['3F000', '42P01', '42883'].includes(state) &&
    error instanceof Error &&
    /\bconverge\b/.test(error.message)
  )
    return new OutboxError(
      'nothing was written: the tables of the outbox are missing in this database, or older than this version: run `converge migrate` with its DATABASE_URL, then repeat',
      { code: 'OUTBOX_NOT_MIGRATED', category: 'configuration', cause: error },
    );
  const locked = inCauses(error, (at) => 'constraint' in at && at.constraint === 'outbox_key_lock');
  if (locked !== undefined)
    return new OutboxError(
      `${locked.message.replace(/^converge: /, '')}: ${'hint' in locked ? String(locked.hint) : ''}`,
      { code: 'OUTBOX_LOCKED', category: 'contention', cause: error },
    );
  const large = inCauses(error, (at) => 'constraint' in at && at.constraint === 'outbox_topic_limit');
  if (large !== undefined)
    return new OutboxError(
      `nothing was written: ${large.message}. Store large content elsewhere and send a reference, or raise max.message.bytes of the topic.`,
      { code: 'EVENT_TOO_LARGE', category: 'data', cause: error },
    );
  const refusal = inCauses(error, (at) => 'constraint' in at && at.constraint === 'outbox_max_bytes');
  if (refusal === undefined) return error;
  return new OutboxError(
    `${refusal.message.replace(/^converge: /, '')}. Nothing was written. To see why nothing is published, run: converge doctor. Emits succeed again when events have been published, or outbox.maxBytes is raised.`,
    { code: 'OUTBOX_FULL', category: 'service', cause: error },
  );
}

/** Finds an error among an error and its causes: ORMs wrap the error of the driver. */
function inCauses(error: unknown, isMeant: (at: Error) => boolean): Error | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1)
    if (isMeant(at)) return at;
  return undefined;
}
