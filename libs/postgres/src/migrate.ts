import { type Clock, type Random, systemClock, systemRandom } from '@convergekit/core';
import { delayMs } from '@convergekit/resilience';
import type { Database } from './connect.ts';
import { DatabaseError, messageOf, sqlState } from './errors.ts';
import type { Executor } from './executor.ts';
import {
  type MigrationFile,
  type MigrationSet,
  pendingMigrations,
  readMigrations,
  type Recorded,
} from './migration-files.ts';
import { withTransaction } from './transaction.ts';

export interface AppliedMigration {
  readonly package: string;
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

export interface MigrateOptions {
  /** How long one statement may wait for a lock; writers queue behind it meanwhile. In milliseconds. @default 2_000 */
  readonly lockTimeoutMs?: number;
  /** How long to wait for another `migrate` that is at work. In milliseconds. @default 60_000 */
  readonly waitForOtherMs?: number;
  /** Tries, all of it again, when a lock did not come in time. @default 5 */
  readonly attempts?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** The tables of this package: leases, central policies. `migrate` always applies them first. */
export const postgresMigrations: MigrationSet = {
  name: 'postgres',
  directory: new URL('../sql/', import.meta.url),
};

// Two-int advisory space: the first number is the kit's (0x636f6e76 = "conv"), the second says what is locked.
const advisorySpace = 0x636f6e76;
const migrateLock = 1;

const bookSql = `
  create schema if not exists converge;
  create table if not exists converge.migration (
    package    text        not null,
    number     int         not null,
    name       text        not null,
    checksum   text        not null,
    applied_at timestamptz not null default clock_timestamp(),
    primary key (package, number)
  )`;

/**
 * Applies what is missing of the given sets, in order, in one transaction: all or nothing. Any number of processes may
 * call it at the same time. Returns what it applied, `[]` when everything was there.
 */
export async function migrate(
  database: Pick<Database, 'acquire'>,
  sets: readonly MigrationSet[],
  options: MigrateOptions = {},
): Promise<readonly AppliedMigration[]> {
  const files = (await Promise.all([postgresMigrations, ...sets].map(readMigrations))).flat();
  const { attempts = 5, clock = systemClock, random = systemRandom } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await withTransaction(database, { clock, random }, (tx) => apply(tx, files, options));
    } catch (error) {
      // 55P03: somebody holds a lock on our tables. Waiting longer would make every writer wait with us: go and return.
      if (sqlState(error) !== '55P03') throw error;
      if (attempt >= attempts) throw locked(error);
      await clock.sleep(delayMs({ baseMs: 100, factor: 2, capMs: 2_000 }, attempt, random));
    }
  }
}

async function apply(
  tx: Executor,
  files: readonly MigrationFile[],
  { lockTimeoutMs = 2_000, waitForOtherMs = 60_000 }: MigrateOptions,
): Promise<readonly AppliedMigration[]> {
  await setLockTimeout(tx, waitForOtherMs);
  await tx.query('select pg_advisory_xact_lock($1, $2)', [advisorySpace, migrateLock]);
  await setLockTimeout(tx, lockTimeoutMs);
  const { rows: present } = await tx.query<{ present: boolean }>(
    `select to_regclass('converge.migration') is not null as present`,
  );
  // Asking first keeps a start without rights to create anything possible once everything is there.
  if (present[0]?.present !== true) await tx.query(bookSql);
  const { rows } = await tx.query<Recorded>('select package, number, checksum from converge.migration');
  const pending = pendingMigrations(files, rows);
  for (const file of pending) await applyOne(tx, file);
  return pending.map(({ package: set, number, name, checksum }) => ({
    package: set,
    number,
    name,
    checksum,
  }));
}

async function applyOne(tx: Executor, file: MigrationFile): Promise<void> {
  try {
    await tx.query(file.sql);
  } catch (error) {
    if (sqlState(error) === '55P03') throw error;
    throw new DatabaseError(
      `migration ${file.package}/${String(file.number).padStart(3, '0')}-${file.name} failed: ${messageOf(error)}. Nothing was changed; mend the reason and run it again.`,
      { code: 'MIGRATION_FAILED', category: 'configuration', certainty: 'not_applied', cause: error },
    );
  }
  await tx.query('insert into converge.migration (package, number, name, checksum) values ($1, $2, $3, $4)', [
    file.package,
    file.number,
    file.name,
    file.checksum,
  ]);
}

async function setLockTimeout(tx: Executor, ms: number): Promise<void> {
  await tx.query(`select set_config('lock_timeout', $1, true)`, [`${ms}ms`]);
}

function locked(cause: unknown): DatabaseError {
  return new DatabaseError(
    'migrate did not get a lock in time: another migrate, or a long transaction on the tables to change. Nothing was changed; look at pg_stat_activity for the oldest transaction, and run it again.',
    { code: 'MIGRATION_LOCKED', category: 'contention', certainty: 'not_applied', cause },
  );
}
