/**
 * The test kit. A real Postgres and a real Kafka for tests (given, in Docker, or embedded), databases of one's own, a clock moved
 * manually, a proxy with the faults of a network. Guarantees:
 * - what `startStack` or an embedded server started is gone when its stop has resolved; after a crash of the
 *   process that started it, the next start in the same folder ends it;
 * - stacks started side by side in one folder share nothing but the downloaded jars;
 * - nothing here waits by time: conditions have deadlines, and an error names what was awaited.
 */
export { hostileDefaults, type HostileRole, hostileRole } from './hostile-role.ts';
export { freshDatabase } from './database.ts';
export { dumpTopic, type DumpedRecord } from './dump-topic.ts';
export { faultProxy, type FaultProxy, type FaultProxyOptions } from './fault-proxy.ts';
export { freshTopic, type FreshTopicOptions } from './fresh-topic.ts';
export { type JavaRecord, readWithJava } from './java-consumer.ts';
export { writeWithJava } from './java-producer.ts';
export { javaTools, type KafkaToolOptions, type KafkaTools } from './kafka-tools.ts';
export { manualClock, type ManualClock } from './manual-clock.ts';
export {
  embeddedKafka,
  embeddedPostgres,
  type EmbeddedKafkaOptions,
  type EmbeddedOptions,
} from './stack/embedded.ts';
export type { EmbeddedServer } from './stack/embedded-server.ts';
export type { StackServer } from './stack/server.ts';
export { freePort } from './stack/ports.ts';
export { DevStackError, type DevStackErrorCode } from './stack/stack-error.ts';
export { type Stack, type StackOptions, startStack, withStack } from './stack/stack.ts';
export { stackDown, stackService, stackStatus, type StackService, type StackStatus } from './stack/up.ts';
export { waitUntil, type WaitOptions } from './wait-until.ts';
