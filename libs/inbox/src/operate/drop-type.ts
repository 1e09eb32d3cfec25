import type { Executor } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';

const dropSql = `select converge.act_consumers_types_drop($1, $2, $3, $4, $5) as dropped`;

/** A type that no version of a consumer handles any more. */
interface DroppedType {
  readonly consumer: string;
  readonly type: string;
  /** @default every topic */
  readonly topic?: string | undefined;
}

/** Unregisters a type, with its audit row. False: the consumer has registered no such type, and nothing is recorded. */
export async function dropType(
  executor: Executor,
  { consumer, type, topic }: DroppedType,
  { by, reason }: Operator,
): Promise<boolean> {
  const values = [consumer, type, topic ?? null, by, reason];
  const { rows } = await executor.query<{ dropped: boolean }>(dropSql, values);
  return rows[0]?.dropped === true;
}
