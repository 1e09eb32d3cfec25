/** Exports for tests: reading and comparing the catalogue of tables. */
export { type CatalogueEntry, catalogueDifferences, readCatalogue } from './catalogue-sql.ts';
