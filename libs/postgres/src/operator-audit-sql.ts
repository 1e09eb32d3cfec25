import type { Executor } from './executor.ts';

/** An act of an operator that leaves a row in no other audit. */
export interface OperatorAct {
  /** Noun and verb, as the command: `reconcile pause`. */
  readonly action: string;
  /** The thing acted on, by name or id. */
  readonly subject: string;
  readonly by: string;
  readonly reason: string;
  /** Counts and filters; never payloads. @default {} */
  readonly detail?: Readonly<Record<string, unknown>>;
}

const recordSql = `
  insert into converge.operator_audit (action, subject, by, reason, detail) values ($1, $2, $3, $4, $5::jsonb)`;

/** Records an act of an operator. Call it in the transaction of the act where it has one. */
export async function recordAct(
  executor: Executor,
  { action, subject, by, reason, detail = {} }: OperatorAct,
): Promise<void> {
  await executor.query(recordSql, [action, subject, by, reason, JSON.stringify(detail)]);
}
