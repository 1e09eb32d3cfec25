import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { DatabaseError } from './errors.ts';

/** The numbered SQL files of one package, forward only: `001-name.sql`, `002-name.sql`, … */
export interface MigrationSet {
  /** The name under which applied files are recorded. */
  readonly name: string;
  /** The folder of the numbered `.sql` files. */
  readonly directory: URL;
}

export interface MigrationFile {
  readonly package: string;
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly sql: string;
}

/** A migration that the database has applied. */
export interface Recorded {
  readonly package: string;
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

const pattern = /^(\d{3})-([a-z0-9-]+)\.sql$/;

export async function readMigrations(set: MigrationSet): Promise<readonly MigrationFile[]> {
  // A URL without the final slash would make `new URL('x', directory)` a sibling of the folder.
  const base = new URL(set.directory.href.endsWith('/') ? set.directory.href : `${set.directory.href}/`);
  const names = (await readdir(base)).filter((name) => name.endsWith('.sql')).toSorted();
  return Promise.all(
    names.map(async (file, index) => {
      const [, number, name] = pattern.exec(file) ?? [];
      if (number === undefined || name === undefined || Number(number) !== index + 1)
        throw badNameError(set, file, index + 1);
      const sql = await readFile(new URL(file, base), 'utf8');
      // git may change line ends on checkout; that does not change the migration.
      const checksum = createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex');
      return { package: set.name, number: Number(number), name, checksum, sql };
    }),
  );
}

/**
 * Returns the migrations to apply. Numbers that only the database has belong to a newer version, which runs beside the
 * older one during a rolling update: they are no error.
 */
export function pendingMigrations(
  files: readonly MigrationFile[],
  recorded: readonly Recorded[],
): readonly MigrationFile[] {
  return files.filter((file) => {
    const before = recorded.filter((row) => row.package === file.package);
    const same = before.find((row) => row.number === file.number);
    if (same === undefined) {
      if (before.some((row) => row.number > file.number)) throw outOfOrderError(file);
      return true;
    }
    if (same.checksum !== file.checksum) throw changedError(file);
    return false;
  });
}

/**
 * Throws where a migration is recorded twice (pure): rows of another database were loaded into this one, and what
 * collided with its own rows, such as the identity of the source, was left out.
 */
export function requireOneDatabase(recorded: readonly Omit<Recorded, 'checksum'>[]): void {
  const names = recorded.map(migrationName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new DatabaseError(
    `converge.migration has ${twice} twice: rows of another database were loaded into this one, which \`converge migrate\` had made (pg_restore --data-only), and only a part of them is here. Nothing starts on it: drop this database, create it empty, and restore schema and rows together, \`pg_restore --exit-on-error --dbname "$DATABASE_URL" FILE\` (docs/guides/restore.md)`,
    { code: 'DATABASE_MIXED', category: 'configuration' },
  );
}

/** The name of a migration in reports: `outbox/001-schema`. */
export function migrationName(of: Pick<MigrationFile, 'package' | 'number' | 'name'>): string {
  return `${of.package}/${String(of.number).padStart(3, '0')}-${of.name}`;
}

function changedError(file: MigrationFile): DatabaseError {
  return new DatabaseError(
    `migration ${migrationName(file)} was applied with another text than the file has now. An applied migration never changes: restore the file, and put the change into a new number.`,
    { code: 'MIGRATION_CHANGED', category: 'configuration' },
  );
}

function outOfOrderError(file: MigrationFile): DatabaseError {
  return new DatabaseError(
    `migration ${migrationName(file)} is missing in the database although later ones of "${file.package}" were applied. Migrations go in order: give it the next free number.`,
    { code: 'MIGRATION_OUT_OF_ORDER', category: 'configuration' },
  );
}

function badNameError({ directory }: MigrationSet, file: string, expected: number): DatabaseError {
  const folder = decodeURI(directory.pathname).replace(/\/$/, '');
  const words = file
    .replace(/\.sql$/, '')
    .replace(/^\d+/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  const name = `${String(expected).padStart(3, '0')}-${words || 'what-it-does'}.sql`;
  return new DatabaseError(
    `the migration ${file} in ${folder} has a name that does not fit: names are a number, a dash and words, from 001 without a gap. Rename it: \`mv ${file} ${name}\` in that folder.`,
    { code: 'MIGRATION_FILES', category: 'configuration' },
  );
}
