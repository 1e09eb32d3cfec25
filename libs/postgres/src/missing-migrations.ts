import { readdir } from 'node:fs/promises';
import { DatabaseError } from './errors.ts';
import type { Executor } from './executor.ts';
import { postgresMigrations } from './migrate.ts';
import { migrationName, type MigrationSet } from './migration-files.ts';

/** Finds the migrations of this version that the database lacks, as `outbox/001-schema`. Changes nothing. */
export async function missingMigrations(
  executor: Executor,
  sets: readonly MigrationSet[],
): Promise<readonly string[]> {
  const { rows: found } = await executor.query<{ present: boolean }>(
    `select to_regclass('converge.migration') is not null as present`,
  );
  const { rows } = found[0]?.present
    ? await executor.query<{ package: string; number: number; name: string }>(
        'select package, number, name from converge.migration',
      )
    : { rows: [] };
  const applied = new Set(rows.map(migrationName));
  const wanted = await Promise.all([postgresMigrations, ...sets].map(namesOf));
  return wanted.flat().filter((name) => !applied.has(name));
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
    certainty: 'not_applied',
  });
}

async function namesOf(set: MigrationSet): Promise<readonly string[]> {
  const files = await readdir(set.directory);
  return files
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => `${set.name}/${file.replace(/\.sql$/, '')}`);
}
