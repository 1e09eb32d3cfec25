import { systemClock, systemRandom } from '@convergekit/core';
import { hasTables } from './has-tables.ts';
import { delayMs, messageOf, ownFolder } from '@convergekit/core/engine';
import { readdir } from 'node:fs/promises';
import type { Database } from './connect.ts';
import { DatabaseError, sqlState } from './errors.ts';
import type { Executor } from './executor.ts';
import {
  migrationName,
  type MigrationFile,
  type MigrationSet,
  pendingMigrations,
  readMigrations,
  type Recorded,
  requireOneDatabase,
} from './migration-files.ts';
import { withTransaction } from './transaction.ts';

export interface AppliedMigration {
  readonly package: string;
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

export interface MigrateOptions {
  /** Time limit of a lock wait, during which writers queue behind it. In milliseconds. @default 2_000 */
  readonly lockTimeoutMs?: number;
  /** Number of attempts of the whole migration after lock timeouts. @default 5 */
  readonly attempts?: number;
}

/** Time limit of the wait for another running `migrate`, in milliseconds. */
const WAIT_FOR_OTHER_MS = 60_000;

/** The tables of this package: leases and central policies. `migrate` always applies them first. */
export const postgresMigrations: MigrationSet = {
  name: 'postgres',
  directory: ownFolder('postgres', 'sql'),
};

// Advisory locks of two ints: the first is the kit's space (0x636f6e76 = "conv"), the second the locked object.
const advisorySpace = 0x636f6e76;
const migrateLock = 1;

// Without a primary key: a name twice shows that the rows of another database were loaded beside those of this one. So a
// replica finds its rows by all their columns.
const bookSql = `
  create schema if not exists converge;
  create table if not exists converge.migration (
    package    text        not null,
    number     int         not null,
    name       text        not null,
    checksum   text        not null,
    applied_at timestamptz not null default clock_timestamp()
  );
  alter table converge.migration replica identity full`;

/**
 * Applies the missing migrations of the given sets, in order, in one transaction.
 * Any number of processes may call it concurrently. It returns the applied migrations, `[]` if there were none.
 * @example
 * ```ts
 * import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
 * import { inboxMigrations, relayMigrations } from 'convergekit/process';
 *
 * const database = connect({ url: process.env['DATABASE_URL'] });
 * const applied = await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
 * ```
 */
export async function migrate(
  database: Pick<Database, 'acquire'>,
  sets: readonly MigrationSet[],
  options: MigrateOptions = {},
): Promise<readonly AppliedMigration[]> {
  const files = (await Promise.all([postgresMigrations, ...sets].map(readMigrations))).flat();
  const { attempts = 5 } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await withTransaction(database, {}, (tx) => apply(tx, files, options));
    } catch (error) {
      // 55P03: another transaction locks our tables. A longer wait would block every writer behind us: retry later.
      if (sqlState(error) !== '55P03') throw error;
      if (attempt >= attempts) throw lockedError(error);
      await systemClock.sleep(delayMs({ baseMs: 100, factor: 2, capMs: 2_000 }, attempt, systemRandom));
    }
  }
}

async function apply(
  tx: Executor,
  files: readonly MigrationFile[],
  { lockTimeoutMs = 2_000 }: MigrateOptions,
): Promise<readonly AppliedMigration[]> {
  await setLockTimeout(tx, WAIT_FOR_OTHER_MS);
  await tx.query('select pg_advisory_xact_lock($1, $2)', [advisorySpace, migrateLock]);
  await setLockTimeout(tx, lockTimeoutMs);
  // Check first, so that a start without the right to create anything works on a migrated database.
  if (!(await hasTables(tx, 'converge.migration'))) await tx.query(bookSql);
  const { rows: recorded } = await tx.query<Recorded>(
    'select package, number, name, checksum from converge.migration',
  );
  requireOneDatabase(recorded);
  const pending = pendingMigrations(files, recorded);
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
      `migration ${migrationName(file)} failed: ${messageOf(error)}. Nothing was changed; fix the cause and run it again.`,
      { code: 'MIGRATION_FAILED', category: 'configuration', cause: error },
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

function lockedError(cause: unknown): DatabaseError {
  return new DatabaseError(
    'migrate got no lock in time: another migrate, or a long transaction on the tables to change. Nothing was changed; look at pg_stat_activity for the oldest transaction, and run it again.',
    { code: 'MIGRATION_LOCKED', category: 'contention', cause },
  );
}

/**
 * Finds the migrations of this version that the database lacks, as `outbox/001-schema`. Changes nothing.
 * Rejects with DATABASE_MIXED where rows of another database were loaded into this one.
 */
export async function missingMigrations(
  executor: Executor,
  sets: readonly MigrationSet[],
): Promise<readonly string[]> {
  const rows = await recordedMigrations(executor);
  requireOneDatabase(rows);
  const applied = new Set(rows.map(migrationName));
  const wanted = await Promise.all([postgresMigrations, ...sets].map(namesOf));
  return wanted.flat().filter((name) => !applied.has(name));
}

/** Finds the migrations of these sets that the database has and this version does not know: a newer one migrated it. */
export async function newerMigrations(
  executor: Executor,
  sets: readonly MigrationSet[],
): Promise<readonly string[]> {
  const all = [postgresMigrations, ...sets];
  const known = new Set((await Promise.all(all.map(namesOf))).flat());
  const own = new Set(all.map(({ name }) => name));
  const rows = (await recordedMigrations(executor)).filter((row) => own.has(row.package));
  return rows.map(migrationName).filter((name) => !known.has(name));
}

type Named = Pick<MigrationFile, 'package' | 'number' | 'name'>;

async function recordedMigrations(executor: Executor): Promise<readonly Named[]> {
  if (!(await hasTables(executor, 'converge.migration'))) return [];
  const sql = 'select package, number, name from converge.migration order by package, number';
  return (await executor.query<Named>(sql)).rows;
}

/** Rejects with MIGRATIONS_MISSING when the database lacks tables of these sets. */
export async function requireMigrations(executor: Executor, sets: readonly MigrationSet[]): Promise<void> {
  const missing = await missingMigrations(executor, sets);
  if (missing.length > 0) throw migrationsMissing(missing);
}

/** Creates the error of a database that lacks the tables of the kit, or some of them. */
export function migrationsMissing(names: readonly string[]): DatabaseError {
  const what =
    names.length === 0
      ? 'the tables of converge are missing'
      : `migrations are missing (${names.join(', ')})`;
  return new DatabaseError(`${what} in this database: run \`converge migrate\` first`, {
    code: 'MIGRATIONS_MISSING',
    category: 'configuration',
  });
}

async function namesOf(set: MigrationSet): Promise<readonly string[]> {
  const files = await readdir(set.directory);
  return files
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => `${set.name}/${file.replace(/\.sql$/, '')}`);
}
