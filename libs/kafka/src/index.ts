/**
 * The broker port and its drivers.
 * A driver writes with acks=-1 and one request in flight for each broker, never idempotently (a kafkajs producer
 * that is loses acknowledged records when a connection drops), never repeats a write by itself, never creates a
 * topic by accident, and reads uncommitted: nothing of the kit uses Kafka transactions.
 */
export * from './broker.ts';
export {
  memoryBroker,
  type MemoryBroker,
  type MemoryControls,
  type SendFault,
} from './memory/memory-broker.ts';
export { kafkajsBroker, type KafkaJsOptions } from './kafkajs/kafkajs-broker.ts';
export type { Log } from './group/link.ts';
export { partitionOf } from './partitioner.ts';
export { batchSize, recordSize } from './record-batch-encoder.ts';
