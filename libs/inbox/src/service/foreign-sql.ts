import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import { type Place, placeColumns } from '../slice/fence-sql.ts';

const keepSql = `
  update converge.inbox_consumer set keep_foreign_ms = $2::bigint where name = $1 and keep_foreign_ms <> $2::bigint`;

/** Sets the retention of a consumer's rows of foreign events, for all its members. */
export async function setKeepForeign(tx: Executor, consumer: string, keepMs: number): Promise<void> {
  await tx.query(keepSql, [consumer, keepMs]);
}

// By the index on seen_at and record_offset. No row of a consumer is old that is younger than the shortest retention.
const OLD = `f.seen_at < now() - (select min(keep_foreign_ms) from converge.inbox_consumer) * interval '1 millisecond'`;

const dueSql = `
  select topic, array_agg(distinct partition) as partitions from converge.inbox_partition
   where exists (select from converge.inbox_foreign f where ${OLD}) group by topic`;

/** A topic of the consumers of a database. */
export interface ReadTopic {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** Reads the topics of all consumers of this database; none while no row of a foreign event is old enough to leave. */
export async function readForeignTopics(executor: Executor): Promise<readonly ReadTopic[]> {
  return (await executor.query<ReadTopic>(dueSql)).rows;
}

/** The first offset that the log of a partition still has. In a log that was deleted, every offset is lower. */
export interface LogStart extends Place {
  readonly earliest: bigint;
}

// Deletes a bounded number of rows. A row that a slice has just met again is locked and stays; members skip each other's rows.
const forgetting = givenRows<LogStart>(
  { ...placeColumns, earliest: ['bigint', ({ earliest }) => `${earliest}`] },
  (given) => `
  with log as materialized (${given}),
  gone as materialized (
    select f.consumer, f.identity
      from converge.inbox_foreign f
      join converge.inbox_consumer c on c.name = f.consumer
      join log on log.topic = f.topic and log.partition = f.partition
     where ${OLD} and f.record_offset < (select max(earliest) from log)
       and f.seen_at < now() - c.keep_foreign_ms * interval '1 millisecond' and f.record_offset < log.earliest
     limit $4 for update of f skip locked)
  delete from converge.inbox_foreign f using gone where f.consumer = gone.consumer and f.identity = gone.identity`,
);

/** Removes old rows whose records have left the log, at most `most` at a time. Returns how many. */
export async function forgetOldForeign(
  executor: Executor,
  starts: readonly LogStart[],
  most: number,
): Promise<number> {
  return (await executor.query(...forgetting(starts, most))).rowCount;
}
