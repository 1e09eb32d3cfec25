/** Exports for the kit's own tests: migrated databases, embedded servers. They may change in any version. */
export { waitsForLock } from './database.ts';
export { javaTools, type KafkaTools } from './kafka-tools.ts';
export { embeddedCluster, embeddedKafka, embeddedPgbouncer, embeddedPostgres } from './stack/embedded.ts';
export type { EmbeddedServer } from './stack/embedded-server.ts';
export type { StackServer } from './stack/server.ts';
export { startServers } from './stack/stack.ts';
export { follow, promote, setSynchronous } from './stack/standby.ts';
export type { Pgbouncer } from './stack/pgbouncer.ts';
export { freePorts } from './stack/ports.ts';
export { ProcessClock } from './process-clock.ts';
export { migratedDatabase } from './template.ts';
