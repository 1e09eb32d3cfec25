import { type Database, withTransaction } from '@convergekit/postgres';
import { PAUSED } from '../alarms.ts';
import type { PartitionKey } from '../slice/fence-sql.ts';
import { auditPartition } from './audit.ts';
import type { Operator } from './parked.ts';

// The row is the fence of slices: a present slice ends first, and the next one finds the partition halted. Locked in the order of
// the primary key, as every other lock on several of them.
const pauseSql = `
  with running as (
    select consumer, topic, partition from converge.inbox_partition
     where consumer = $1 and ($4::text is null or topic = $4) and state = 'running'
     order by consumer, topic, partition for update)
  update converge.inbox_partition p
     set state = 'halted', halted_code = $2, halted_reason = $3, halted_at = clock_timestamp(), halted_offset = null
    from running r where (p.consumer, p.topic, p.partition) = (r.consumer, r.topic, r.partition)
  returning p.topic, p.partition, p.next_offset::text as next`;

/**
 * Pauses the running partitions of a consumer, of one topic or of all, in one transaction. Slices in work end first; then no
 * handler is called, also for parked events of these topics, until `resumePartition` of each. What is halted stays so.
 * Partitions that the consumer gets later run. Returns the paused ones. converge.inbox_audit records operator and reason.
 */
export async function pauseConsumer(
  database: Pick<Database, 'acquire'>,
  { consumer, topic }: { readonly consumer: string; readonly topic?: string | undefined },
  operator: Operator,
): Promise<readonly PartitionKey[]> {
  const { by, reason } = operator;
  const why = `paused by ${by}: ${reason}. It continues by \`converge consumers resume ${consumer} --reason "…"\``;
  return withTransaction(database, {}, async (tx) => {
    const { rows } = await tx.query<{ topic: string; partition: number; next: string }>(pauseSql, [
      consumer,
      PAUSED,
      why,
      topic ?? null,
    ]);
    for (const row of rows) {
      const offset = BigInt(row.next);
      const act = { action: 'pause', fromOffset: offset, toOffset: offset } as const;
      await auditPartition(tx, { consumer, ...row }, act, operator);
    }
    return rows.map((row) => ({ consumer, topic: row.topic, partition: row.partition }));
  });
}
