/** Schema files for a CI job: written from the definitions and compared with them. It may change in any version. */
export type { SchemaChange } from './schemas/schema-change.ts';
export { checkSchemas, writeSchemas } from './schemas/schema-files.ts';
