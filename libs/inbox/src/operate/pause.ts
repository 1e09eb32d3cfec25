import { type Database, withTransaction } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { PAUSED } from '../alarms.ts';
import { drainsEnded, haltPartitions, type PartitionKey } from '../slice/fence-sql.ts';
import { auditPartition } from './audit.ts';

/**
 * Pauses the partitions of a consumer, of one topic or of all, in one transaction, and waits for the handlers in work: of slices
 * before, of parked events after it. Then no handler is called until `resumePartition` of each. What is halted keeps its reason,
 * and its parked events wait too. Partitions that the consumer gets later run. Returns the paused ones. converge.audit
 * records operator and reason.
 */
export async function pauseConsumer(
  database: Pick<Database, 'acquire'>,
  { consumer, topic }: { readonly consumer: string; readonly topic?: string | undefined },
  operator: Operator,
): Promise<readonly PartitionKey[]> {
  const { by, reason } = operator;
  const why = `paused by ${by}: ${reason}. It continues by \`converge consumers resume ${consumer} --reason "…"\``;
  const paused = await withTransaction(database, {}, async (tx) => {
    const rows = await haltPartitions(tx, { consumer, topic }, { code: PAUSED, reason: why }, { all: true });
    for (const row of rows) {
      const offset = BigInt(row.next);
      const before = row.halted === PAUSED ? {} : { halted: row.halted };
      const act = { act: 'consumers pause', ...before, fromOffset: offset, toOffset: offset } as const;
      await auditPartition(tx, { consumer, ...row }, act, operator);
    }
    return rows.map((row) => ({ consumer, topic: row.topic, partition: row.partition }));
  });
  await withTransaction(database, {}, (tx) => drainsEnded(tx, { consumer, topic }));
  return paused;
}
