import type { BrokerError } from './errors.ts';
import type { FetchStall, RevokeReason } from './reasons.ts';
export { BrokerError, type BrokerErrorDetail, type BrokerErrorKind } from './errors.ts';
export type { FetchStall, RevokeReason } from './reasons.ts';

/**
 * The broker port: the one abstraction over Kafka clients. Every sentence below is an obligation that the contract
 * suite checks against each driver on a real broker.
 * Partitions are always chosen by the caller (`partitionOf`), never by a driver. Nothing here creates topics by
 * accident, uses idempotent producers, or depends on Kafka transactions.
 */
export interface Broker {
  /** The name of the driver, such as `kafkajs` or `memory`. */
  readonly driver: string;
  /** Opens a producer. After any failed send the caller closes it and opens a new one. */
  producer(): Promise<Producer>;
  /** A member of a consumer group; nothing happens before `start`. */
  consumer(options: ConsumerOptions): GroupConsumer;
  /** Opens a client for topics and groups. Close it after use. */
  admin(): Promise<Admin>;
  /** Closes everything that was opened through this broker. */
  close(): Promise<void>;
}

/** A record to write. Strings travel as UTF-8. Headers keep their order; a name may not repeat. */
export interface OutgoingRecord {
  readonly key: string | null;
  readonly value: string | Uint8Array | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs: number;
}

/**
 * A record batch (format 2, base offset 0, uncompressed, with its checksum), written unchanged. The caller may reuse
 * the buffer when a driver has reported the batch as written.
 */
export interface SealedRecords {
  /** Number of records. */
  readonly length: number;
  readonly bytes: Buffer;
}

export interface OutgoingBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly OutgoingRecord[] | SealedRecords;
}

export type SendResult =
  | { readonly topic: string; readonly partition: number; readonly ok: true; readonly baseOffset: bigint }
  | { readonly topic: string; readonly partition: number; readonly ok: false; readonly error: BrokerError };

export interface Producer {
  /**
   * Writes the batches with acks=-1, records of a batch in their order and contiguous. Resolves with one result per
   * batch, in the order given: some may have failed while others are written, and only the failed ones may be sent
   * again. A failed result with `certainty: 'unknown'` may or may not be in the log. It never rejects: a lost
   * connection fails each batch that was not acknowledged. A batch is never split: the caller keeps it within the
   * topic's `max.message.bytes`, else it is refused whole with MESSAGE_TOO_LARGE. Requests are the
   * driver's business: any number of batches may be given, also several of one partition, which are written in order;
   * after one that failed, the later ones of its partition are not sent (EARLIER_BATCH_FAILED, `not_applied`). Sends
   * that overlap are done one after the other. `timeoutMs`: of each request. @default that of the broker's other requests
   */
  send(batches: readonly OutgoingBatch[], timeoutMs?: number): Promise<readonly SendResult[]>;
  close(): Promise<void>;
}

export interface IncomingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** The headers as on the wire, in order, duplicates kept. */
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
  /** The headers as alternating names and values, U+FFFD for invalid UTF-8; set where the driver is faster. */
  readonly headerTexts?: readonly (string | null)[] | undefined;
  /**
   * Set on a record that represents an undecodable batch (damaged, of an unknown codec, too large), without key and headers,
   * with the batch's last offset and bytes. Also set on a single record with too many headers.
   */
  readonly undecodable?: UndecodableBatch | undefined;
}

export interface UndecodableBatch {
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
  /** The SHA-256 of the batch's bytes, in hex. */
  readonly sha256: string;
  /** The reason as a clause: "its checksum is wrong". */
  readonly why: string;
}

export interface IncomingBatch {
  /** The topic of the records. */
  readonly topic: string;
  /** The partition of the records. */
  readonly partition: number;
  /** Ascending offsets, not necessarily without holes. Never empty. */
  readonly records: readonly IncomingRecord[];
  /** The log's end offset when this batch was fetched: lag = highWatermark − last offset − 1. */
  readonly highWatermark: bigint;
}

export interface Assignment {
  /** The topic. */
  readonly topic: string;
  /** The partition, from 0. */
  readonly partition: number;
}

/** The start of a partition: an offset, an end of the log, or the group's committed offset (else the earliest). */
export type StartAt = bigint | 'earliest' | 'latest' | 'committed';

/** The controls of an assigned partition, for its owner. */
export interface PartitionControl {
  /** Moves the position: records after the current batch are dropped, and the next batch starts at `offset`. */
  seek(offset: bigint | 'earliest'): void;
  /** Stops batches of this partition until `resume`; membership and other partitions continue. */
  pause(): void;
  /** Lets batches of this partition come again. */
  resume(): void;
  /** Commits `offset` (the next one to read) for the group. A hint only; rejects when the broker cannot take it. */
  commit(offset: bigint): Promise<void>;
  /** Aborts when the partition is lost or the consumer stops. */
  readonly signal: AbortSignal;
}

export interface ConsumerHandlers {
  /**
   * Returns the start position of each partition of an assignment, before any batch of them is delivered. While it is
   * pending no batch of these partitions arrives. If it rejects, it is called again after a pause; heartbeats continue.
   * A rebalance waits for handlers of the earlier membership for half a session timeout, 5 s at most: a handler that
   * ignores its signal for longer may still run during this call. No batch of its partition begins before it has ended.
   */
  assigned(partitions: readonly Assignment[]): Promise<ReadonlyMap<string, StartAt>>;
  /**
   * Batches of one partition arrive one at a time, in order; partitions run at the same time. Heartbeats do not depend
   * on how long this takes. When it resolves, the position moves past the batch unless `seek` was called. The handler
   * must not reject: a rejection ends the consumer (`done` rejects).
   */
  batch(batch: IncomingBatch, control: PartitionControl): Promise<void>;
  /** The position of a partition is outside its log (OFFSET_OUT_OF_RANGE), or its topic was created again (TOPIC_RECREATED).
   * Called after the batches fetched before; no further batch until a seek; other partitions continue. The handler must
   * not reject. @default the consumer ends with that error */
  placeLost?(place: Assignment, error: BrokerError, control: PartitionControl): Promise<void>;
  /**
   * Reports that a partition, ready for records, has received none for `fetchStallMs`: repeatedly, and once with
   * `undefined` at the end. The consumer looks leaders up and retries by itself. The handler must not throw.
   * @default a warning in the log
   */
  fetchStalled?(place: Assignment, stall: FetchStall | undefined): void;
  /**
   * The partitions are given up. Their controls' signals are aborted before. What it returns is waited for as a batch in
   * progress is, before this member joins again or leaves; for a `lost` membership, too, but others may own the partitions.
   */
  revoked(partitions: readonly Assignment[], why: RevokeReason): Promise<void> | void;
}

export interface ConsumerOptions {
  /** The Kafka group, whose members share the partitions. Another group reads the same records again. */
  readonly groupId: string;
  /** The topics to read. Each must exist: `start` rejects otherwise. */
  readonly topics: readonly string[];
  /** Receives partitions, batches and losses. */
  readonly handlers: ConsumerHandlers;
  /**
   * The time without a heartbeat after which a member counts as dead, in milliseconds. Raise it for pauses of the
   * process. @default 10_000
   */
  readonly sessionTimeoutMs?: number;
  /** The period of heartbeats, in milliseconds. It must be below the session's timeout. @default 1_000 */
  readonly heartbeatIntervalMs?: number;
  /** The time the broker may wait for more data, in milliseconds; less while a partition is paused. @default 500 */
  readonly maxWaitMs?: number;
  /** Bytes per partition and fetch. @default 1_048_576 */
  readonly maxBytesPerPartition?: number;
  /** The time after which a partition that gets no answer is reported, in milliseconds. @default 5_000 */
  readonly fetchStallMs?: number;
}

/** The time of a member without a membership. A rebalance takes seconds. */
export interface Outside {
  readonly forMs: number;
  /** Why the last attempt to join failed; undefined: it waits for the answer. */
  readonly error: unknown;
}

export interface GroupConsumer {
  /** Joins the group, and waits for a broker that cannot be reached. Rejects with a BrokerError when a topic does not exist or access is refused. */
  start(): Promise<void>;
  /** Leaves the group after the batches in progress have ended; until then it stays a member. Idempotent. */
  stop(): Promise<void>;
  /**
   * Resolves after `stop`. Rejects when a handler rejected or access was refused. An unreachable broker is waited for, and so is
   * one that refuses the login of a member which it took before.
   */
  readonly done: Promise<void>;
  /** Undefined for a member of the group, and before its first membership. */
  outside(): Outside | undefined;
  /** Controls a partition outside a batch; undefined when this member does not have it. */
  control(topic: string, partition: number): PartitionControl | undefined;
}

export interface TopicDescription {
  readonly name: string;
  /** The topic's uuid, if the driver knows it. It changes when the topic is deleted and created again. */
  readonly topicId: string | null;
  readonly partitions: number;
  /** Copies of each partition; undefined where the log is kept by something else, as by Postgres. */
  readonly replicationFactor: number | undefined;
  /** Broker-side configuration that the kit checks: `cleanup.policy`, `min.insync.replicas`, `max.message.bytes`, `retention.ms`. */
  readonly config: Readonly<Record<string, string>>;
}

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  /** @default the broker's default */
  readonly replicationFactor?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export interface LogEnds {
  readonly partition: number;
  readonly earliest: bigint;
  /** The offset after the last record. */
  readonly latest: bigint;
}

/** The records that are read: as for a consumer, of committed transactions up to the first open one; or all. @default committed */
export type Isolation = 'committed' | 'uncommitted';

/** A process in a group, as the broker sees it. No partitions while the group rebalances; no host where it records none. */
export interface GroupMember {
  readonly id: string;
  readonly host: string | undefined;
  readonly partitions: readonly Assignment[];
}

export interface Admin {
  /** undefined for a topic that does not exist; never creates it. */
  describeTopic(topic: string): Promise<TopicDescription | undefined>;
  /** true when the topic was created, false when it existed. Resolves when the topic's leaders accept writes. */
  createTopic(topic: NewTopic): Promise<boolean>;
  deleteTopic(topic: string): Promise<void>;
  /** Returns the log's ends of every partition, ascending. Rejects when one of the partitions cannot be asked. */
  logEnds(topic: string): Promise<readonly LogEnds[]>;
  /** Returns the log's ends, or an error per partition that cannot be asked (a leader silent for 4 s, too). */
  partitionEnds(topic: string): Promise<readonly (LogEnds | BrokerError)[]>;
  /** Committed offsets of a group: partition → next offset; partitions without a commit are absent. */
  committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** The members of a group, by id; none for a group that does not exist. Only a session that ended is left out. */
  members(groupId: string): Promise<readonly GroupMember[]>;
  /** Reads [from, to) of one partition outside any group, in order; stops at the log's end. */
  read(
    topic: string,
    partition: number,
    from: bigint,
    to: bigint,
    isolation?: Isolation,
  ): AsyncIterable<IncomingRecord>;
  close(): Promise<void>;
}

/** The key of `ConsumerHandlers.assigned`'s map. */
export function partitionId(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
