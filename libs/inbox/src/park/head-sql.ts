import type { IncomingRecord } from '@convergekit/broker/engine';
import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import type { Attempt } from '../attempt/attempt.ts';
import { headersOf } from '../slice/record-text.ts';
import { drainFence, type LeasedKey } from './claim-sql.ts';
import type { FailureColumns } from './parked-row.ts';

/** An event of a line, which are the parked events of one key. All before it were applied: it is the first, or comes next. */
export interface Head {
  readonly id: string;
  readonly seq: bigint;
  readonly run: number;
  readonly tries: number;
  readonly handler: string;
  readonly record: IncomingRecord;
  readonly topicId: string | null;
  readonly attempts: readonly Attempt[];
  /** The time since the event's first attempt, in milliseconds. */
  readonly elapsedMs: number;
  readonly parkedAt: string;
  readonly eventId: string | null;
  /** `here`: the row has the whole record · `log`: the bytes are in the log · `gone`: the log has lost them */
  readonly bytes: 'here' | 'log' | 'gone';
  /** The payload that an operator put in place of the original. */
  readonly edited: Buffer | null;
  /** When the row was changed, exact to the microsecond: an edit changes nothing else that a drain compares. */
  readonly changedAt: string;
}

type Raw = Pick<Head, 'id' | 'run' | 'tries' | 'handler' | 'topicId' | 'eventId' | 'edited' | 'changedAt'> & {
  readonly seq: string;
  readonly partition: number;
  readonly offset: string;
  readonly timestampMs: string;
  readonly recordKey: Buffer | null;
  readonly headers: string;
  readonly payload: Buffer | null;
  readonly attempts: string;
  readonly elapsedMs: string | null;
  readonly parkedAt: Date;
  readonly inLog: boolean;
};

// The look-up uses the unique index parked_line: the first entries of the line.
const headsSql = `
  select id, seq, run, tries, handler, topic_id as "topicId", partition, record_offset as "offset", timestamp_ms as "timestampMs",
         record_key as "recordKey", headers, coalesce(edited, payload) as payload, attempts, event_id as "eventId", edited,
         extract(epoch from clock_timestamp() - first_at) * 1000 as "elapsedMs", parked_at as "parkedAt", in_log as "inLog",
         changed_at::text as "changedAt"
    from converge.parked where consumer = $1 and topic = $2 and line = $3 order by seq limit $4`;

/** Reads the first events of a line, at most `limit`. */
export async function readHeads(
  executor: Executor,
  { consumer, topic, key }: LeasedKey,
  limit: number,
): Promise<readonly Head[]> {
  const { rows } = await executor.query<Raw>(headsSql, [consumer, topic, key, limit]);
  return rows.map(({ seq, partition, offset, timestampMs, recordKey, headers, payload, inLog, ...head }) => {
    const place = { topic, partition, offset: BigInt(offset), timestampMs: Number(timestampMs) };
    return {
      ...head,
      seq: BigInt(seq),
      record: { ...place, key: recordKey, value: payload, headers: headersOf(headers) },
      attempts: JSON.parse(head.attempts) as readonly Attempt[],
      elapsedMs: Number(head.elapsedMs ?? 0),
      parkedAt: head.parkedAt.toISOString(),
      bytes: inLog ? 'log' : 'here',
    };
  });
}

const taking = givenRows<Head>(
  {
    id: ['uuid', ({ id }) => id],
    seq: ['bigint', ({ seq }) => `${seq}`],
    run: ['int', ({ run }) => run],
    tries: ['int', ({ tries }) => tries],
    changed_at: ['timestamptz', ({ changedAt }) => changedAt],
  },
  (given) => `
  with fence as materialized (${drainFence(6)})
  delete from converge.parked k using fence, (${given}) as h
   where k.id = h.id and k.seq = h.seq and k.run = h.run and k.tries = h.tries and k.changed_at = h.changed_at
     and k.state = 'waiting' and k.line is not null`,
);

/**
 * Takes events of one partition by the first statement of the drain's transaction, its fence. Their rows are deleted, and
 * locked until the commit, before a handler runs; a pause of the partition waits for the commit. False: another drain applied
 * one, or an operator took or edited one, or paused the partition.
 */
export async function takeHeads(
  tx: Executor,
  { consumer }: LeasedKey,
  heads: readonly [Head, ...Head[]],
): Promise<boolean> {
  const { topic, partition } = heads[0].record;
  const { rowCount } = await tx.query(...taking(heads, consumer, topic, partition));
  return rowCount === heads.length;
}

const releaseSql = `
  delete from converge.parked_key where consumer = $1 and topic = $2 and key = $3 and tail = $4
  returning (extract(epoch from clock_timestamp() - parked_at) * 1000)::float8 as "parkedMs"`;

/**
 * Releases the key as the drain's last statement, if nothing was queued behind the applied event. A concurrent append of a
 * slice makes it wait for that commit, and then nothing is released. Returns the time for which the key was parked, in
 * milliseconds; undefined when it was not released.
 */
export async function releaseLine(
  tx: Executor,
  { consumer, topic, key }: LeasedKey,
  seq: bigint,
): Promise<number | undefined> {
  const { rows } = await tx.query<{ parkedMs: number }>(releaseSql, [consumer, topic, key, `${seq}`]);
  return rows[0]?.parkedMs;
}

const TRIED = `tries = tries + 1, category = $5, certainty = $6, code = $7, reason = $8, structural = $9, attempts = $10,
         first_at = coalesce(first_at, clock_timestamp() - $11::float8 * interval '1 millisecond'), last_at = clock_timestamp(), changed_at = clock_timestamp()`;
const UNMOVED = `id = $1 and seq = $2 and run = $3 and tries = $4 and state = 'waiting'`;
const failedSql = `update converge.parked set ${TRIED} where ${UNMOVED}`;

/** Records a failed attempt. False: another drain or an operator took the event. */
export async function noteFailed(tx: Executor, head: Head, failure: FailureColumns): Promise<boolean> {
  const { rowCount } = await tx.query(failedSql, [...headOf(head), ...columnsOf(failure)]);
  return rowCount === 1;
}

const endedSql = `
  update converge.parked
     set ${TRIED}, failure_event = $12, state = $13, closed = $15,
         line = case when $14 then line end, seq = case when $14 then seq end
   where ${UNMOVED}`;

/** Records that the event is given up: as a dead letter that holds the line, or outside the line. */
export async function noteEnded(
  tx: Executor,
  head: Head,
  failure: FailureColumns,
  end: { readonly state: 'dead' | 'rejected'; readonly holds: boolean; readonly closed: string | undefined },
): Promise<boolean> {
  const { rowCount } = await tx.query(endedSql, [
    ...headOf(head),
    ...columnsOf(failure),
    failure.failure_event,
    end.state,
    end.holds,
    end.closed ?? null,
  ]);
  return rowCount === 1;
}

const holdSql = `
  update converge.parked_key set state = 'dead', leased_until = '-infinity'
   where consumer = $1 and topic = $2 and key = $3`;

/** Holds a line behind the dead letter at its head. */
export async function holdLine(tx: Executor, { consumer, topic, key }: LeasedKey): Promise<void> {
  await tx.query(holdSql, [consumer, topic, key]);
}

function headOf({ id, seq, run, tries }: Head): readonly unknown[] {
  return [id, `${seq}`, run, tries];
}

function columnsOf(failure: FailureColumns): readonly unknown[] {
  const { category, certainty, code, reason, structural, attempts, tried_ms } = failure;
  return [category, certainty, code, reason, structural, attempts, tried_ms];
}
