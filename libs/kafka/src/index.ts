/**
 * The broker port and its drivers. Guarantees, each checked by one contract suite against every driver:
 * - writes with acks=-1, one request in flight for each broker, a result for every partition; nothing is repeated
 *   here, and nothing is idempotent (a kafkajs producer that is loses acknowledged records when a connection drops);
 * - partitions are the caller's choice, by the Java client's hash; no topic is ever made by accident;
 * - a consumer's heartbeats, positions and rebalances do not depend on how long a batch takes;
 * - what is read is committed: aborted Kafka transactions of other producers take no effect, open ones are waited for;
 * - a batch that cannot be decoded, or that stands for more than `maxBatchBytes`, is one record that says so.
 */
export {
  type Admin,
  type Assignment,
  type Broker,
  BrokerError,
  type BrokerErrorDetail,
  type BrokerErrorKind,
  type ConsumerHandlers,
  type ConsumerOptions,
  type FetchStall,
  type GroupConsumer,
  type IncomingBatch,
  type IncomingRecord,
  type Isolation,
  type LogEnds,
  type NewTopic,
  type OutgoingBatch,
  type OutgoingRecord,
  type PartitionControl,
  partitionId,
  type Producer,
  type SealedRecords,
  type SendResult,
  type StartAt,
  type TopicDescription,
  type UndecodableBatch,
} from './broker.ts';
export type { Log } from './group/link.ts';
export { type DriverName, driverNames } from './driver-names.ts';
export { kafkaBroker } from './kafka-broker.ts';
export { kafkaOptions, type KafkaSettings, kafkaSettings } from './settings.ts';
export { kafkajsBroker } from './kafkajs/kafkajs-broker.ts';
export {
  memoryBroker,
  type MemoryBroker,
  type MemoryCluster,
  type MemoryControls,
  type MemoryOptions,
} from './memory/memory-broker.ts';
export type { SendFault } from './memory/send-fault.ts';
export { platformaticBroker } from './platformatic/platformatic-broker.ts';
export { partitionOf, partitionOfBytes } from './partitioner.ts';
export { batchSize, recordSize } from './record-batch-encoder.ts';
export { RecordBatchBuilder } from './record-batch-builder.ts';
export { splitRecords } from './record-batch-splitter.ts';
export type { KafkaOptions } from './wire/wire-broker.ts';
