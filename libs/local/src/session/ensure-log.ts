import { BrokerError } from '@convergekit/broker/engine';
import { type Database, DatabaseError, migrate } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { localMigrations } from '../migrations.ts';
import { brokerErrorFrom } from './errors.ts';
import type { LogSession } from './log-session.ts';

const presentSql = `select to_regclass($1) is not null as present`;

/** Creates the log if it does not exist. Rejects with LOCAL_LOG_MISSING when the role may not. */
export async function ensureLog(session: LogSession, database: Database): Promise<void> {
  const { rows } = await session.query<{ present: boolean }>('connecting', presentSql, [
    'converge_log.topic',
  ]);
  if (rows[0]?.present === true) return;
  try {
    await migrate(database, [localMigrations]);
  } catch (cause) {
    if (!isConfiguration(cause)) throw brokerErrorFrom(cause, { doing: 'creating the log', sent: true });
    throw new BrokerError(
      `the database has no local log, and it could not be created: ${cause instanceof Error ? cause.message : String(cause)}. Run \`converge migrate\` with CONVERGE__BROKER=local as a role that may create a schema`,
      { code: 'LOCAL_LOG_MISSING', kind: 'configuration', certainty: 'not_applied', cause },
    );
  }
}

/** True when no retry helps: the role may not, or the migration failed. */
function isConfiguration(cause: unknown): boolean {
  return (
    sqlState(cause) === '42501' || (cause instanceof DatabaseError && cause.category === 'configuration')
  );
}
