import { sqlState } from '@convergekit/postgres/engine';
import type { LogSession } from '../session/log-session.ts';
import { CHANNEL } from '../session/wake-ups.ts';
import { makeChildren } from './children-sql.ts';

export interface Append {
  readonly topicId: string;
  readonly partition: number;
  readonly records: number;
  /** A record batch with base offset 0. */
  readonly bytes: Buffer;
}

// Locks the partitions in one order for all writers, so that they cannot deadlock, and keeps them until the commit: the
// offsets of a partition are visible in their order. The lock order is that of the primary key. `clock_timestamp()` is
// read under the locks. All batches travel as one value: their number is not in the text, so the statement stays planned.
const appendSql = `
  with given as (
    select g.topic_id, g.partition, g.records, g.size, g.n,
           sum(g.size) over (order by g.n) - g.size as before,
           sum(g.records) over (partition by g.topic_id, g.partition order by g.n) as upto
      from unnest($1::uuid[], $2::int[], $3::int[], $4::int[]) with ordinality as g (topic_id, partition, records, size, n)
  ), total as (
    select topic_id, partition, max(upto) as records from given group by topic_id, partition
  ), locked as (
    select p.topic_id, p.partition from converge_log.partition p
     where (p.topic_id, p.partition) in (select t.topic_id, t.partition from total t)
     order by p.topic_id, p.partition for no key update
  ), moved as (
    update converge_log.partition p set next_offset = p.next_offset + t.records
      from locked l join total t using (topic_id, partition)
     where p.topic_id = l.topic_id and p.partition = l.partition
    returning p.topic_id, p.partition, p.next_offset - t.records as base
  ), placed as (
    select g.*, m.base + g.upto - 1 as last_offset from given g join moved m using (topic_id, partition)
  ), written as (
    insert into converge_log.batch (topic_id, partition, last_offset, records, written_at, bytes)
    select topic_id, partition, last_offset, records, clock_timestamp(), substring($5::bytea from before::int + 1 for size)
      from placed order by n
  )
  select n::int - 1 as index, last_offset - records + 1 as base, (select pg_catalog.pg_notify('${CHANNEL}', $6))::text as notified
    from placed`;

/** A payload has 8,000 bytes at most. */
const MOST_SUBJECTS = 200;

/**
 * Appends batches in one transaction. Returns the first offset by the batch's place in the list; a batch whose topic or
 * partition does not exist has none, and the others are written.
 */
export async function append(
  session: LogSession,
  batches: readonly Append[],
  timeoutMs?: number,
): Promise<ReadonlyMap<number, bigint>> {
  const subjects = [...new Set(batches.map(({ topicId }) => topicId))].slice(0, MOST_SUBJECTS);
  const values = [
    batches.map(({ topicId }) => topicId),
    batches.map(({ partition }) => partition),
    batches.map(({ records }) => records),
    batches.map(({ bytes }) => bytes.length),
    batches.length === 1 ? batches[0]?.bytes : Buffer.concat(batches.map(({ bytes }) => bytes)),
    subjects.join(','),
  ];
  const write = async (): Promise<ReadonlyMap<number, bigint>> => {
    const { rows } = await session.query<{ index: number; base: string }>(
      'appending',
      appendSql,
      values,
      timeoutMs,
    );
    return new Map(rows.map(({ index, base }) => [index, BigInt(base)]));
  };
  try {
    return await write();
  } catch (error) {
    // No child for today: nothing was written.
    if (sqlState(error) !== '23514') throw error;
    await makeChildren(session);
    return write();
  }
}
