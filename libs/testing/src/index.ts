/**
 * The test kit: a real Postgres and a real Kafka for tests (given, in Docker, or embedded), fresh databases, a manual
 * clock, a proxy with the faults of a network. Guarantees:
 * - what `startStack` or an embedded server started is gone when its stop has resolved; after a crash of the
 *   process that started it, the next start in the same folder ends it;
 * - stacks started side by side in one folder share nothing but the downloaded jars;
 * - nothing here waits by time: conditions have deadlines, and an error names what was awaited.
 */
export { freshDatabase } from './database.ts';
export { faultProxy, type FaultProxy } from './fault-proxy.ts';
export { freshTopic } from './fresh-topic.ts';
export { manualClock, type ManualClock } from './manual-clock.ts';
export { type Stack, startStack, withStack } from './stack/stack.ts';
export { startPostgres, type TestPostgres, withPostgres } from './stack/with-postgres.ts';
export { waitUntil } from './wait-until.ts';
