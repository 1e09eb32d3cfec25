import {
  type Admin,
  type Assignment,
  BrokerError,
  type GroupMember,
  type IncomingRecord,
  type LogEnds,
  type NewTopic,
  type TopicDescription,
} from '../broker.ts';
import type { MemoryGroup } from './memory-group.ts';
import type { MemoryLog } from './memory-log.ts';
import { requireAll, topicUnknown } from '../errors.ts';

export class MemoryAdmin implements Admin {
  readonly #log: MemoryLog;
  readonly #group: (id: string) => MemoryGroup;
  readonly #reach: (place?: Assignment) => void;

  constructor(log: MemoryLog, group: (id: string) => MemoryGroup, reach: (place?: Assignment) => void) {
    this.#log = log;
    this.#group = group;
    this.#reach = reach;
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    await this.#request();
    const found = this.#log.topic(topic);
    if (found === undefined) return undefined;
    const { name, topicId, config, partitions } = found;
    return { name, topicId, partitions: partitions.length, replicationFactor: undefined, config };
  }

  async createTopic(topic: NewTopic): Promise<boolean> {
    await this.#request();
    return this.#log.create(topic);
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#request();
    this.#log.delete(topic);
  }

  async logEnds(topic: string): Promise<readonly LogEnds[]> {
    return requireAll(await this.partitionEnds(topic));
  }

  async partitionEnds(topic: string): Promise<readonly (LogEnds | BrokerError)[]> {
    await this.#request();
    const found = this.#log.topic(topic);
    if (found === undefined) throw topicUnknown(topic);
    return found.partitions.map((log, partition) => {
      try {
        this.#reach({ topic, partition });
        return { partition, earliest: log.start, latest: log.start + BigInt(log.records.length) };
      } catch (error) {
        if (error instanceof BrokerError) return error;
        throw error;
      }
    });
  }

  async committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    await this.#request();
    return new Map(this.#group(groupId).committed(topic));
  }

  async members(groupId: string): Promise<readonly GroupMember[]> {
    await this.#request();
    return this.#group(groupId).members();
  }

  async *read(topic: string, partition: number, from: bigint, to: bigint): AsyncIterable<IncomingRecord> {
    await this.#request();
    const log = this.#log.partition(topic, partition);
    if (log === undefined) throw topicUnknown(topic);
    this.#reach({ topic, partition });
    const end = log.start + BigInt(log.records.length);
    for (let offset = from > log.start ? from : log.start; offset < to && offset < end; offset += 1n) {
      const record = log.records[Number(offset - log.start)];
      if (record !== undefined) yield record;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #request(): Promise<void> {
    await Promise.resolve();
    this.#reach();
  }
}
