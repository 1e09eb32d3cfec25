/** Exports for tests: the files of migrations, and the catalogue of tables to compare. */
export { type CatalogueEntry, catalogueDifferences, readCatalogue } from './catalogue-sql.ts';
export { readMigrations } from './migration-files.ts';
