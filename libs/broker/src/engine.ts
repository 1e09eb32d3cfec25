/** Exports for drivers and other packages of the kit. They may change in any version. */
export { ByteReader, MalformedBytes } from './batch/byte-reader.ts';
export {
  BATCH_OVERHEAD,
  RecordBatchBuilder,
  splitRecords,
  stampedFrom,
} from './batch/record-batch-builder.ts';
export { decodeRecords, MOST_RECORDS, type Place, recordCount } from './batch/record-decoder.ts';
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
  type Outside,
  type RevokeReason,
  type SealedRecords,
  type SendResult,
  type StartAt,
  type TopicDescription,
  type UndecodableBatch,
} from './broker.ts';
export {
  batchTooLarge,
  createTopics,
  leaderMissing,
  partitionMissing,
  placeMissing,
  producerClosed,
  requireAll,
  topicUnknown,
} from './errors.ts';
export { assignPartitions } from './group/assignor.ts';
export { LoopConsumer } from './group/group-consumer.ts';
export type { Fetched, FetchWant, GroupLink, Log, Membership, PlaceOffset } from './group/link.ts';
export { FETCHES_OF_DAMAGED } from './group/partition-flow.ts';
export { LogAdmin } from './log/admin.ts';
export type { GroupChange, GroupState, MemberState } from './log/join-decision.ts';
export { LogLink } from './log/link.ts';
export {
  groupSubject,
  type HeartbeatAnswer,
  type KnownTopic,
  type Leadership,
  type LogStore,
  type StoreCommit,
  type StoreFound,
  type StoreWant,
  type WakeUps,
} from './log/store.ts';
export { Waiters } from './log/waiters.ts';
export { partitionOf, partitionOfBytes } from './partitioner.ts';
export { type NumberedBatch, SendOutcome } from './send-outcome.ts';
export { isBatch, undecodable } from './batch/undecodable.ts';
export { encodeRecordBatch } from './batch/encode-record-batch.ts';
