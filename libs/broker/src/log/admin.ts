import {
  type Admin,
  BrokerError,
  type GroupMember,
  type IncomingRecord,
  type LogEnds,
  type NewTopic,
  type TopicDescription,
} from '../broker.ts';
import { requireAll, topicUnknown } from '../errors.ts';
import { type KnownTopic, type Leadership, type LogStore, oneServer } from './store.ts';

const READ_BYTES = 4 * 1_048_576;

/** Questions about a log that one server keeps. */
export class LogAdmin implements Admin {
  readonly #store: LogStore;
  readonly #leadership: Leadership;

  constructor(store: LogStore, leadership: Leadership = oneServer) {
    this.#store = store;
    this.#leadership = leadership;
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    const found = await this.#find(topic);
    if (found === undefined) return undefined;
    const { name, id: topicId, partitions, config } = found;
    return { name, topicId, partitions, replicationFactor: undefined, config };
  }

  createTopic(topic: NewTopic): Promise<boolean> {
    return this.#store.createTopic(topic);
  }

  deleteTopic(topic: string): Promise<void> {
    return this.#store.deleteTopic(topic);
  }

  async logEnds(topic: string): Promise<readonly LogEnds[]> {
    return requireAll(await this.partitionEnds(topic));
  }

  async partitionEnds(topic: string): Promise<readonly (LogEnds | BrokerError)[]> {
    const ends = await this.#store.readEnds(topic);
    return ends.map((one) => this.#leadership.refusalOf({ topic, partition: one.partition }) ?? one);
  }

  committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    return this.#store.readCommitted(groupId, topic);
  }

  members(groupId: string): Promise<readonly GroupMember[]> {
    return this.#store.readMembers(groupId);
  }

  async *read(topic: string, partition: number, from: bigint, to: bigint): AsyncIterable<IncomingRecord> {
    const found = await this.#find(topic);
    if (found === undefined) throw topicUnknown(topic);
    const refusal = this.#leadership.refusalOf({ topic, partition });
    if (refusal !== undefined) throw refusal;
    const ends = (await this.#store.readEnds(topic)).find((one) => one.partition === partition);
    if (ends === undefined) throw topicUnknown(topic);
    const end = to < ends.latest ? to : ends.latest;
    let offset = from > ends.earliest ? from : ends.earliest;
    while (offset < end) {
      const want = { topicId: found.id, topic, partition, offset, maxBytes: READ_BYTES };
      const [log] = await this.#store.fetch([want]);
      if (log === undefined) throw topicUnknown(topic);
      if (offset < log.start) throw removed(topic, partition, offset, log.start);
      for (const record of log.records) if (record.offset < end) yield record;
      if (log.nextOffset === offset) return;
      offset = log.nextOffset;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #find(topic: string): Promise<KnownTopic | undefined> {
    return (await this.#store.findTopics([topic])).get(topic);
  }
}

function removed(topic: string, partition: number, offset: bigint, start: bigint): BrokerError {
  return new BrokerError(
    `${topic}/${partition} has no offset ${offset} any more: retention removed the records before ${start} while they were read. Read again from there`,
    { code: 'OFFSET_OUT_OF_RANGE', kind: 'fatal', topic, partition },
  );
}
