import type { Executor } from '@convergekit/postgres';
import { OutboxError } from './errors.ts';

/** How many bytes of events wait to be published, and how many may. */
export interface OutboxLimit {
  /** undefined: no limit. */
  readonly maxBytes: number | undefined;
  /** At the limit emits are refused; else an alarm says so, and nothing more. */
  readonly refuses: boolean;
  /** With indexes, published events that are retained included. */
  readonly totalBytes: number;
  readonly waitingBytes: number;
  /** How fast the waiting bytes grew lately, bytes a second; negative while they shrink. */
  readonly bytesPerSecond: number;
  /** Milliseconds since they were measured; undefined: never. */
  readonly measuredAgoMs: number | undefined;
}

export interface LimitSettings {
  /** Bytes that may wait to be published, with indexes. @default no limit */
  readonly maxBytes?: number;
  /** `refuse`: at the limit every emit fails with OUTBOX_FULL, until events have left. @default 'alarm' */
  readonly whenFull?: 'alarm' | 'refuse';
}

// Two statements: the second one reads what the first one wrote. A writer that is measuring is not waited for.
const tellSql = `
  update converge.outbox_limit
     set published_id = $1::bigint,
         max_bytes = case when $2::bigint is null then max_bytes else $2::bigint end,
         refuse = case when $2::bigint is null then refuse else $3::boolean end
   where only_row in (select only_row from converge.outbox_limit for update skip locked)`;

/** Measures the outbox, for the relay that leads. Without `maxBytes` the limit stays what it is in the database. */
export async function measureOutbox(
  executor: Executor,
  publishedId: string,
  { maxBytes, whenFull = 'alarm' }: LimitSettings,
): Promise<void> {
  await executor.query(tellSql, [publishedId, maxBytes ?? null, whenFull === 'refuse']);
  await executor.query('select converge.outbox_measure()');
}

const limitSql = `
  select max_bytes::float8 as "maxBytes", refuse as refuses, total_bytes::float8 as "totalBytes",
         waiting_bytes::float8 as "waitingBytes",
         case when base_at > '-infinity' and measured_at > base_at
              then ((waiting_bytes - base_bytes) / extract(epoch from measured_at - base_at))::float8 else 0 end as "bytesPerSecond",
         case when measured_at > '-infinity'
              then (extract(epoch from clock_timestamp() - measured_at) * 1000)::float8 end as "measuredAgoMs"
    from converge.outbox_limit`;

export async function readLimit(executor: Executor): Promise<OutboxLimit> {
  const { rows } = await executor.query<
    Omit<OutboxLimit, 'maxBytes' | 'measuredAgoMs'> & {
      maxBytes: number | null;
      measuredAgoMs: number | null;
    }
  >(limitSql);
  const [row] = rows;
  if (row === undefined)
    throw new OutboxError(
      'converge.outbox_limit is empty. Put its row back: insert into converge.outbox_limit default values',
      { code: 'SOURCE_MISSING', category: 'configuration' },
    );
  return { ...row, maxBytes: row.maxBytes ?? undefined, measuredAgoMs: row.measuredAgoMs ?? undefined };
}

/** Seconds until the limit is reached at the present rate; undefined where it is not in sight. Pure. */
export function secondsToFull({ maxBytes, waitingBytes, bytesPerSecond }: OutboxLimit): number | undefined {
  if (maxBytes === undefined || bytesPerSecond <= 0) return undefined;
  return Math.max(0, (maxBytes - waitingBytes) / bytesPerSecond);
}

/** The refusal of an append, by name; any other error as it is. */
export function namedRefusal(error: unknown): unknown {
  if (!(error instanceof Error) || !('constraint' in error) || error.constraint !== 'outbox_max_bytes')
    return error;
  return new OutboxError(
    `${error.message.replace(/^converge: /, '')}. Nothing was written. See why nothing is published: converge doctor. Emits are taken again when events have left, or outbox.maxBytes is raised.`,
    { code: 'OUTBOX_FULL', category: 'service', cause: error },
  );
}
