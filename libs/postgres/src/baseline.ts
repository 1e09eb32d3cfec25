import { type CatalogueEntry, catalogueDifferences, readCatalogue } from './catalogue-sql.ts';
import { DatabaseError } from './errors.ts';
import type { Executor } from './executor.ts';
import type { MigrationFile } from './migration-files.ts';

/** A package whose files 001 to n of before are one file `001-schema.sql` now. */
const BASELINE = 'schema';

export interface RecordedName {
  readonly package: string;
  readonly number: number;
  readonly name: string;
}

/** Returns the schemas of packages that older migration files created in the database. The function is pure. */
export function schemasToAdopt(
  files: readonly MigrationFile[],
  recorded: readonly RecordedName[],
): readonly MigrationFile[] {
  const first = new Map(recorded.filter(({ number }) => number === 1).map((row) => [row.package, row.name]));
  return files.filter(
    (file) =>
      file.number === 1 && file.name === BASELINE && (first.get(file.package) ?? BASELINE) !== BASELINE,
  );
}

/**
 * Adopts a database that was migrated by the files before `001-schema.sql`, if it equals what that file makes. The
 * wanted schema is created inside the transaction, beside the database's own, and rolled back: the same server reads
 * both, and no copy of the catalogue has to be kept. Rejects with SCHEMA_DIFFERS, which names each difference.
 */
export async function adoptSchemas(
  tx: Executor,
  files: readonly MigrationFile[],
  adopted: readonly MigrationFile[],
): Promise<void> {
  const found = await readCatalogue(tx);
  const wanted = await makeWanted(tx, files, adopted);
  const differences = catalogueDifferences(wanted, found);
  if (differences.length > 0) throw differsError(adopted, differences);
  await tx.query('delete from converge.migration where package = any ($1)', [
    adopted.map((file) => file.package),
  ]);
}

/** Applies the first file of every package to an empty schema, reads the catalogue, and rolls back. */
async function makeWanted(
  tx: Executor,
  files: readonly MigrationFile[],
  adopted: readonly MigrationFile[],
): Promise<readonly CatalogueEntry[]> {
  await tx.query('savepoint wanted; alter schema converge rename to converge_found; create schema converge');
  const wanted: CatalogueEntry[] = [];
  const known = new Set<string>();
  for (const file of files.filter(({ number }) => number === 1)) {
    await tx.query(file.sql);
    const made = (await readCatalogue(tx)).filter(({ object }) => !known.has(object));
    for (const { object } of made) known.add(object);
    if (adopted.includes(file)) wanted.push(...made);
  }
  await tx.query('rollback to savepoint wanted; release savepoint wanted');
  return wanted;
}

function differsError(adopted: readonly MigrationFile[], differences: readonly string[]): DatabaseError {
  const packages = adopted.map((file) => file.package).join(', ');
  return new DatabaseError(
    `the tables of ${packages} were made by earlier migrations, and are not what the schema of this version makes:\n${differences
      .map((one) => `  ${one}`)
      .join(
        '\n',
      )}\nNothing was changed. If the last of the earlier migrations were not applied, apply them with the version that has them. Else undo each change above, and run \`converge migrate\` again.`,
    { code: 'SCHEMA_DIFFERS', category: 'configuration', certainty: 'not_applied' },
  );
}
