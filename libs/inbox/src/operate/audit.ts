import type { Executor } from '@convergekit/postgres';
import { type ActName, type Operator, recordAct } from '@convergekit/postgres/operate';
import type { PartitionKey } from '../slice/fence-sql.ts';

export interface PartitionAct {
  readonly act: Extract<ActName, 'consumers resume' | 'consumers replay' | 'consumers pause'>;
  /** The code with which the partition was halted before. */
  readonly halted?: string;
  readonly fromOffset: bigint;
  readonly toOffset: bigint;
  readonly passOffset?: bigint | undefined;
  /** The record that was rejected as forged. */
  readonly rejected?: bigint | undefined;
}

/** Records the operator and the reason of a change of a partition, in its transaction. */
export async function auditPartition(
  tx: Executor,
  { consumer, topic, partition }: PartitionKey,
  { act, halted, fromOffset, toOffset, passOffset, rejected }: PartitionAct,
  operator: Operator,
): Promise<void> {
  const before = { topic, partition, halted, offset: `${fromOffset}` };
  const after = { offset: `${toOffset}`, pass: passOffset?.toString(), rejected: rejected?.toString() };
  await recordAct(tx, { act, subject: consumer, ...operator, before, after });
}
