/** Exports for the kit's own tests: migrated databases, embedded servers, hostile roles. They may change in any version. */
export { javaTools, type KafkaTools } from './kafka-tools.ts';
export { embeddedKafka, embeddedPostgres } from './stack/embedded.ts';
export type { EmbeddedServer } from './stack/embedded-server.ts';
export type { StackServer } from './stack/server.ts';
export { type SentTransaction, StatementTap } from './statement-tap.ts';
export { freePorts } from './stack/ports.ts';
export { agedSql, rewrite, timePasses, WITHOUT_TRIGGERS } from './any-table.ts';
export { migratedDatabase } from './template.ts';
