import {
  type Admin,
  BrokerError,
  type GroupMember,
  type IncomingRecord,
  type LogEnds,
  type NewTopic,
  requireAll,
  type TopicDescription,
  topicUnknown,
} from '@convergekit/broker/engine';
import type { LogSession } from '../session/log-session.ts';
import { readMembers } from '../group/group-sql.ts';
import { decodeBatch } from './decode.ts';
import { fetchBatches } from './fetch-sql.ts';
import type { Leadership } from './leadership.ts';
import {
  createTopic,
  deleteTopic,
  findTopics,
  type KnownTopic,
  readCommitted,
  readEnds,
} from './topic-sql.ts';
import { topicSettings } from './topic-settings.ts';

const READ_BYTES = 4 * 1_048_576;

/** Questions about the log, on one session for all admins of a process. */
export class LocalAdmin implements Admin {
  readonly #session: LogSession;
  readonly #leadership: Leadership;

  constructor(session: LogSession, leadership: Leadership) {
    this.#session = session;
    this.#leadership = leadership;
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    const found = await this.#find(topic);
    if (found === undefined) return undefined;
    const { name, id: topicId, partitions, config } = found;
    return { name, topicId, partitions, replicationFactor: undefined, config };
  }

  async createTopic(topic: NewTopic): Promise<boolean> {
    return createTopic(this.#session, topic, topicSettings(topic));
  }

  async deleteTopic(topic: string): Promise<void> {
    await deleteTopic(this.#session, topic);
  }

  async logEnds(topic: string): Promise<readonly LogEnds[]> {
    return requireAll(await this.partitionEnds(topic));
  }

  async partitionEnds(topic: string): Promise<readonly (LogEnds | BrokerError)[]> {
    const ends = await readEnds(this.#session, topic);
    return ends.map((one) => this.#leadership.refusalOf({ topic, partition: one.partition }) ?? one);
  }

  async committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    return readCommitted(this.#session, groupId, topic);
  }

  async members(groupId: string): Promise<readonly GroupMember[]> {
    return readMembers(this.#session, groupId);
  }

  async *read(topic: string, partition: number, from: bigint, to: bigint): AsyncIterable<IncomingRecord> {
    const found = await this.#find(topic);
    if (found === undefined) throw topicUnknown(topic);
    const refusal = this.#leadership.refusalOf({ topic, partition });
    if (refusal !== undefined) throw refusal;
    const ends = (await readEnds(this.#session, topic)).find((one) => one.partition === partition);
    if (ends === undefined) throw topicUnknown(topic);
    const end = to < ends.latest ? to : ends.latest;
    let offset = from > ends.earliest ? from : ends.earliest;
    while (offset < end) {
      const want = { topicId: found.id, partition, offset, maxBytes: READ_BYTES };
      const [log] = await fetchBatches(this.#session, [want]);
      if (log === undefined) throw topicUnknown(topic);
      if (offset < log.start) throw removed(topic, partition, offset, log.start);
      const [last] = log.batches.slice(-1);
      if (last === undefined) return;
      for (const batch of log.batches)
        for (const record of decodeBatch(batch, { topic, partition, from: offset }))
          if (record.offset < end) yield record;
      offset = last.lastOffset + 1n;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #find(topic: string): Promise<KnownTopic | undefined> {
    return (await findTopics(this.#session, [topic])).get(topic);
  }
}

function removed(topic: string, partition: number, offset: bigint, start: bigint): BrokerError {
  return new BrokerError(
    `${topic}/${partition} has no offset ${offset} any more: retention removed the records before ${start} while they were read. Read again from there`,
    { code: 'OFFSET_OUT_OF_RANGE', kind: 'fatal', certainty: 'not_applied', topic, partition },
  );
}
