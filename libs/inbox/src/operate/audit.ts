import type { Executor } from '@convergekit/postgres';
import type { PartitionKey } from '../slice/fence-sql.ts';
import type { Operator } from './parked.ts';

/** A change of a partition by an operator. */
export interface PartitionAct {
  readonly action: 'resume' | 'replay' | 'pause';
  /** The code with which the partition was halted before. */
  readonly halted?: string;
  readonly fromOffset: bigint;
  readonly toOffset: bigint;
  readonly passOffset?: bigint | undefined;
}

const auditSql = `
  insert into converge.inbox_audit (consumer, topic, partition, action, halted, from_offset, to_offset, pass_offset, by, reason)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;

/** Records the operator and the reason of a change, in its transaction. */
export async function auditPartition(
  tx: Executor,
  { consumer, topic, partition }: PartitionKey,
  { action, halted, fromOffset, toOffset, passOffset }: PartitionAct,
  { by, reason }: Operator,
): Promise<void> {
  const offsets = [`${fromOffset}`, `${toOffset}`, passOffset === undefined ? null : `${passOffset}`];
  await tx.query(auditSql, [consumer, topic, partition, action, halted ?? null, ...offsets, by, reason]);
}
