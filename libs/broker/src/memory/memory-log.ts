import { randomUUID } from 'node:crypto';
import {
  BrokerError,
  type IncomingRecord,
  type UndecodableBatch,
  type NewTopic,
  type OutgoingBatch,
} from '../broker.ts';
import { batchTooLarge, placeMissing } from '../errors.ts';
import { Signal } from '../group/signal.ts';
import { Waiters } from '../log/waiters.ts';
import { decodeSealed } from '../batch/record-decoder.ts';
import { encodeRecordBatch } from '../batch/encode-record-batch.ts';

/** Kafka's own default for `max.message.bytes`. */
const DEFAULT_MAX_BYTES = 1_048_588;

export interface MemoryTopic {
  readonly name: string;
  readonly topicId: string;
  readonly config: Readonly<Record<string, string>>;
  readonly partitions: readonly MemoryPartition[];
}

export interface MemoryPartition {
  readonly records: IncomingRecord[];
  /** The offset of `records[0]`. */
  start: bigint;
}

/** The topics and their records, as a broker keeps them on disk. */
export class MemoryLog {
  /** Woken with a topic's id at every append; all of them at other changes of the log. */
  readonly waiters = new Waiters();
  /** The broker that leads every partition; undefined while none does. */
  leader: number | undefined = 0;
  /** Notified when a client has looked the leader up. */
  readonly lookedUp = new Signal();
  readonly #topics = new Map<string, MemoryTopic>();

  create(topic: NewTopic): boolean {
    if (this.#topics.has(topic.name)) return false;
    if (!/^[\w.-]{1,249}$/.test(topic.name) || topic.partitions < 1)
      throw new BrokerError(
        `topic ${topic.name} with ${topic.partitions} partitions cannot be created: a name has 1 to 249 of [A-Za-z0-9_.-], and a topic has one partition or more`,
        { code: 'TOPIC_INVALID', kind: 'configuration', topic: topic.name },
      );
    const partitions = Array.from({ length: topic.partitions }, () => ({ records: [], start: 0n }));
    const config = {
      'cleanup.policy': 'delete',
      'min.insync.replicas': '1',
      'max.message.bytes': String(DEFAULT_MAX_BYTES),
      'retention.ms': '604800000',
      ...topic.config,
    };
    this.#topics.set(topic.name, { name: topic.name, topicId: randomUUID(), config, partitions });
    return true;
  }

  delete(name: string): void {
    this.#topics.delete(name);
    this.waiters.wake();
  }

  topic(name: string): MemoryTopic | undefined {
    return this.#topics.get(name);
  }

  partition(topic: string, partition: number): MemoryPartition | undefined {
    return this.#topics.get(topic)?.partitions[partition];
  }

  /** Appends a whole batch; returns the first offset. */
  append({ topic, partition, records }: OutgoingBatch): bigint {
    const found = this.#topics.get(topic);
    const log = found?.partitions[partition];
    if (found === undefined || log === undefined) throw placeMissing({ topic, partition });
    // A caller may reuse the bytes of a sealed batch.
    const bytes = 'bytes' in records ? Buffer.from(records.bytes) : encodeRecordBatch(records);
    const limit = Number(found.config['max.message.bytes']);
    if (bytes.length > limit) throw batchTooLarge({ topic, partition }, bytes.length, limit);
    const base = log.start + BigInt(log.records.length);
    for (const record of decodeSealed({ length: records.length, bytes }, topic, partition)) {
      const { timestampMs, key, value, headers, offset, undecodable } = record;
      log.records.push({
        topic,
        partition,
        timestampMs,
        key,
        value,
        headers,
        offset: base + offset,
        ...(undecodable === undefined ? {} : { undecodable: shifted(undecodable, base) }),
      });
    }
    this.waiters.wake([found.topicId]);
    return base;
  }

  /** Records of [from, …) up to `maxBytes`, at least one. */
  slice(topic: string, partition: number, from: bigint, maxBytes: number): readonly IncomingRecord[] {
    const log = this.partition(topic, partition);
    if (log === undefined) return [];
    const first = Number(from - log.start);
    let bytes = 0;
    let end = first;
    for (; end < log.records.length; end += 1) {
      const record = log.records[end];
      bytes += (record?.value?.length ?? 0) + 64;
      if (bytes > maxBytes && end > first) break;
    }
    return log.records.slice(first, end);
  }
}

function shifted(batch: UndecodableBatch, base: bigint): UndecodableBatch {
  return { ...batch, firstOffset: base + batch.firstOffset, lastOffset: base + batch.lastOffset };
}
