import type { Executor } from '@convergekit/postgres';

export interface SessionLimits {
  /** The server ends a slice whose client went silent, so that a frozen owner cannot hold the fence row. */
  readonly idleMs: number;
  /** The server ends a slice that takes longer in all (Postgres 17 and later; before, only `idleMs` guards). */
  readonly transactionMs: number;
  /** The server ends a single statement that takes longer: a handler left behind in one would hold the rollback up. */
  readonly statementMs: number;
  /** How long a statement waits for a lock, the fence row's among them. */
  readonly lockMs: number;
}

/** The select list that sets them for the transaction only, so that nothing leaks through a pooler; takes $1 to $4. */
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

/** For transactions that are no slice. */
export async function limitSession(
  tx: Executor,
  limits: SessionLimits,
  serverVersion: number,
): Promise<void> {
  await tx.query(`select ${limitColumns(serverVersion)}`, limitValues(limits));
}

/** As `server_version_num`: 180001 is 18.1. */
export async function serverVersion(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ version: string }>(
    `select current_setting('server_version_num') as version`,
  );
  return Number(rows[0]?.version);
}
