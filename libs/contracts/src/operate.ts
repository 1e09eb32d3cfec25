/**
 * Exports that write schema files and compare them with the definitions, for a CI job. They may change in any version.
 */
export type { SchemaChange } from './schemas/schema-change.ts';
export { checkSchemas, writeSchemas } from './schemas/schema-files.ts';
