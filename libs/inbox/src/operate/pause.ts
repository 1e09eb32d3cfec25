import { type Database, withTransaction } from '@convergekit/postgres';
import { PAUSED } from '../alarms.ts';
import { haltRunning, type PartitionKey } from '../slice/fence-sql.ts';
import { auditPartition } from './audit.ts';
import type { Operator } from './parked.ts';

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
    const rows = await haltRunning(tx, { consumer, topic }, { code: PAUSED, reason: why });
    for (const row of rows) {
      const offset = BigInt(row.next);
      const act = { action: 'pause', fromOffset: offset, toOffset: offset } as const;
      await auditPartition(tx, { consumer, ...row }, act, operator);
    }
    return rows.map((row) => ({ consumer, topic: row.topic, partition: row.partition }));
  });
}
