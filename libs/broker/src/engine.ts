/** Exports for drivers and other packages of the kit. They may change in any version. */
export { ByteReader } from './batch/byte-reader.ts';
export { RecordBatchBuilder, splitRecords } from './batch/record-batch-builder.ts';
export { encodeRecordBatch } from './batch/encode-record-batch.ts';
export { BATCH_OVERHEAD } from './batch/record-batch-head.ts';
export { decodeRecords, MOST_RECORDS, type Place, recordCount } from './batch/record-decoder.ts';
export { isBatch, undecodable } from './batch/undecodable.ts';
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
  type GroupMember,
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
  type RevokeReason,
  type SealedRecords,
  type SendResult,
  type StartAt,
  type TopicDescription,
  type UndecodableBatch,
} from './broker.ts';
export {
  batchEmpty,
  createTopics,
  leaderMissing,
  offsetOutOfRange,
  partitionMissing,
  producerClosed,
  requireAll,
  topicUnknown,
} from './errors.ts';
export { assignPartitions } from './group/assignor.ts';
export { delayMs } from './group/backoff.ts';
export { LoopConsumer } from './group/group-consumer.ts';
export type { Fetched, FetchWant, GroupLink, Log, Membership, PlaceOffset } from './group/link.ts';
export { FETCHES_OF_DAMAGED } from './group/partition-flow.ts';
export { partitionOf, partitionOfBytes } from './partitioner.ts';
export { type NumberedBatch, SendOutcome } from './send-outcome.ts';
