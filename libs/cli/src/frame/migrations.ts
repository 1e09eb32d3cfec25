import { readdir } from 'node:fs/promises';
import { postgresMigrations } from '@convergekit/postgres/operate';
import type { Executor, MigrationSet } from '@convergekit/postgres';
import { migrationsMissing } from './errors.ts';

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
  const applied = new Set(
    rows.map((row) => `${row.package}/${String(row.number).padStart(3, '0')}-${row.name}`),
  );
  const wanted = await Promise.all([postgresMigrations, ...sets].map(namesOf));
  return wanted.flat().filter((name) => !applied.has(name));
}

/** Rejects with the next step when the tables that a command needs are not there. */
export async function requireMigrations(executor: Executor, sets: readonly MigrationSet[]): Promise<void> {
  const missing = await missingMigrations(executor, sets);
  if (missing.length > 0) throw migrationsMissing(missing);
}

async function namesOf(set: MigrationSet): Promise<readonly string[]> {
  const files = await readdir(set.directory);
  return files
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => `${set.name}/${file.replace(/\.sql$/, '')}`);
}
