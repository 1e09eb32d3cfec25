import type { Executor } from '@converge/postgres';

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

const limitsSql = `
  select set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $2, true),
         set_config('statement_timeout', $3, true)`;
const limits17Sql = `${limitsSql}, set_config('transaction_timeout', $4, true)`;

/** Sets the limits for this transaction only, so that nothing leaks through a pooler. */
export async function limitSession(
  tx: Executor,
  limits: SessionLimits,
  serverVersion: number,
): Promise<void> {
  const values = [limits.idleMs, limits.lockMs, limits.statementMs].map(String);
  if (serverVersion < 170_000) await tx.query(limitsSql, values);
  else await tx.query(limits17Sql, [...values, String(limits.transactionMs)]);
}

/** As `server_version_num`: 180001 is 18.1. */
export async function serverVersion(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ version: string }>(
    `select current_setting('server_version_num') as version`,
  );
  return Number(rows[0]?.version);
}
