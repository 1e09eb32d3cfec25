/** For tests: the catalogue of the tables, compared. */
export { type CatalogueEntry, catalogueDifferences, readCatalogue } from './catalogue-sql.ts';
