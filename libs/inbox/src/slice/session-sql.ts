import type { Executor } from '@convergekit/postgres';

export interface SessionLimits {
  /** The milliseconds after which the server ends a slice with a silent client, which holds the fence row. */
  readonly idleMs: number;
  /** The milliseconds after which the server ends a slice (from Postgres 17 on; before, only `idleMs` applies). */
  readonly transactionMs: number;
  /** The server ends a single statement that takes longer: an abandoned handler would delay the rollback. */
  readonly statementMs: number;
  /** The time a statement waits for a lock, including the fence row, in milliseconds. */
  readonly lockMs: number;
}

/**
 * The select list that sets the limits for the transaction only (parameters $1 to $4). Nothing leaks through a pooler.
 */
export function limitColumns(serverVersion: number): string {
  return `set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $2, true),
         set_config('statement_timeout', $3, true), ${serverVersion < 170_000 ? '$4::text' : `set_config('transaction_timeout', $4, true)`}`;
}

export function limitValues({
  idleMs,
  lockMs,
  statementMs,
  transactionMs,
}: SessionLimits): readonly string[] {
  return [idleMs, lockMs, statementMs, transactionMs].map(String);
}

/** Limits a transaction that is not a slice. */
export async function limitSession(
  tx: Executor,
  limits: SessionLimits,
  serverVersion: number,
): Promise<void> {
  await tx.query(`select ${limitColumns(serverVersion)}`, limitValues(limits));
}

/** Reads the server's version as `server_version_num`: 180001 is 18.1. */
export async function serverVersion(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ version: string }>(
    `select current_setting('server_version_num') as version`,
  );
  return Number(rows[0]?.version);
}
