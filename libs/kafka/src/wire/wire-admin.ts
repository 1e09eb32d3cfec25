import { systemClock, systemRandom } from '@convergekit/core';
import { delayMs, outageBackoff } from '@convergekit/core/engine';
import {
  type Admin,
  type Assignment,
  BrokerError,
  FETCHES_OF_DAMAGED,
  type GroupMember,
  type IncomingRecord,
  type Isolation,
  type LogEnds,
  type NewTopic,
  requireAll,
  type TopicDescription,
} from '@convergekit/broker/engine';
import type { Cluster } from './cluster.ts';
import type { Exchange } from './connection.ts';
import { OK } from './error-codes.ts';
import { askedOnce, fetchRequest, fetchResponse } from './fetch-request.ts';
import type { PartitionMetadata, TopicMetadata } from './metadata-request.ts';
import { committedOffsets, describeGroup } from './group-requests.ts';
import { readEnd, readEnds } from './offsets-request.ts';
import { createTopic, deleteTopic, topicConfig } from './topic-requests.ts';

const COORDINATOR_MOVES: ReadonlySet<string> = new Set([
  'COORDINATOR_LOADING',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
]);
const CONFIG_NAMES = ['cleanup.policy', 'min.insync.replicas', 'max.message.bytes', 'retention.ms'];
const READ_BYTES = 4 * 1_048_576;
/** A broker answers a fetch of existing records at once. */
const READ_WAIT_MS = 100;
/**
 * The time limit for the ends of a leader's logs, in milliseconds. A leader knows them at once; a silent leader must
 * not delay the others.
 */
const ENDS_MS = 4_000;

/** The time until all leaders of a new topic, or a coordinator, must answer, in milliseconds. */
const READY_MS = 15_000;

export class WireAdmin implements Admin {
  readonly #cluster: Cluster;
  readonly #maxBatchBytes: number | undefined;

  constructor(cluster: Cluster, maxBatchBytes: number | undefined) {
    this.#cluster = cluster;
    this.#maxBatchBytes = maxBatchBytes;
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    const found = await this.#find(topic);
    if (found === undefined) return undefined;
    const link = await this.#cluster.any();
    return {
      name: topic,
      topicId: found.topicId,
      partitions: found.partitions.length,
      replicationFactor: Math.max(...found.partitions.map(({ replicas }) => replicas)),
      config: await link.call(`describing topic ${topic}`, topicConfig(topic, CONFIG_NAMES)),
    };
  }

  async createTopic(topic: NewTopic): Promise<boolean> {
    const { name } = topic;
    const link = await this.#cluster.any();
    let made = true;
    try {
      await link.call(`creating topic ${name}`, createTopic(topic));
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'TOPIC_EXISTS') throw error;
      made = false;
    }
    await this.#until(`topic ${name} to be ready`, () => this.#isReady(name));
    return made;
  }

  async deleteTopic(topic: string): Promise<void> {
    const link = await this.#cluster.any();
    try {
      await link.call(`deleting topic ${topic}`, deleteTopic(topic));
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'TOPIC_UNKNOWN') throw error;
    }
    await this.#until(`topic ${topic} to be gone`, async () => (await this.#find(topic)) === undefined);
  }

  async logEnds(topic: string): Promise<readonly LogEnds[]> {
    return requireAll(await this.partitionEnds(topic));
  }

  async partitionEnds(topic: string): Promise<readonly (LogEnds | BrokerError)[]> {
    const { partitions } = await this.#cluster.topicOfAll(topic, ENDS_MS);
    const [starts, ends] = await Promise.all([
      this.#ends(topic, partitions, 'earliest'),
      this.#ends(topic, partitions, 'latest'),
    ]);
    return partitions
      .map(({ partition }) => partition)
      .sort((left, right) => left - right)
      .map((partition) => {
        const [earliest, latest] = [starts.get(partition) ?? 0n, ends.get(partition) ?? 0n];
        if (earliest instanceof BrokerError) return earliest;
        return latest instanceof BrokerError ? latest : { partition, earliest, latest };
      });
  }

  async committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    const { partitions } = await this.#cluster.topic(topic);
    const places = partitions.map(({ partition }) => ({ topic, partition }));
    const doing = `reading the offsets of group ${groupId}`;
    const offsets = await this.#askGroup(groupId, doing, committedOffsets(groupId, places));
    return new Map(offsets.map(({ partition, value }) => [partition, value]));
  }

  async members(groupId: string): Promise<readonly GroupMember[]> {
    const doing = `reading the members of group ${groupId}`;
    const members = await this.#askGroup(groupId, doing, describeGroup(groupId));
    return members.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  }

  async *read(
    topic: string,
    partition: number,
    from: bigint,
    to: bigint,
    isolation: Isolation = 'committed',
  ): AsyncIterable<IncomingRecord> {
    const place = { topic, partition };
    const link = await this.#cluster.leader(place);
    const [earliest, latest] = await Promise.all([
      readEnd(link, place, 'earliest'),
      readEnd(link, place, isolation === 'committed' ? 'stable' : 'latest'),
    ]);
    const end = to < latest ? to : latest;
    let offset = from > earliest ? from : earliest;
    let damaged = 0;
    while (offset < end) {
      const wants = [{ ...place, offset, maxBytes: READ_BYTES }];
      const payload = await link.send(fetchRequest(askedOnce(wants), READ_WAIT_MS, isolation), 'fetches');
      const doing = `reading ${topic}/${partition}`;
      const [answer] = await link.read(doing, () => fetchResponse(payload, wants, this.#maxBatchBytes));
      if (answer === undefined) return;
      if (!answer.ok) throw answer.error;
      damaged = answer.damaged === true ? damaged + 1 : 0;
      if (damaged > 0 && damaged < FETCHES_OF_DAMAGED) continue;
      for (const record of answer.records) if (record.offset < end) yield record;
      offset = answer.nextOffset;
    }
  }

  close(): Promise<void> {
    this.#cluster.close();
    return Promise.resolve();
  }

  async #find(topic: string): Promise<TopicMetadata | undefined> {
    try {
      return await this.#cluster.topic(topic);
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'TOPIC_UNKNOWN') return undefined;
      throw error;
    }
  }

  /** Asks each leader separately; a failure becomes an error of each of its partitions. */
  async #ends(
    topic: string,
    partitions: readonly PartitionMetadata[],
    end: 'earliest' | 'latest',
  ): Promise<ReadonlyMap<number, bigint | BrokerError>> {
    const byLeader = Map.groupBy(partitions, ({ partition }) => this.#cluster.leaderOf({ topic, partition }));
    const found = await Promise.all(
      [...byLeader.values()].map(async (led) => {
        const numbers = led.map(({ partition }) => partition);
        try {
          const link = await this.#cluster.leader({ topic, partition: numbers[0] ?? 0 });
          return [...(await readEnds(link, topic, numbers, end, ENDS_MS))];
        } catch (error) {
          // A refused login or TLS is refused by every broker.
          if (!(error instanceof BrokerError) || error.kind === 'configuration') throw error;
          return numbers.map((partition) => [partition, errorOf(error, { topic, partition })] as const);
        }
      }),
    );
    return new Map(found.flat());
  }

  /** Asks a group's coordinator. The first request about any group makes the broker create and load the topic of offsets. */
  #askGroup<T extends object>(groupId: string, doing: string, exchange: Exchange<T>): Promise<T> {
    return this.#until(`a coordinator of group ${groupId}`, async () => {
      try {
        const link = await this.#cluster.coordinator(groupId, 'Describe');
        return await link.call(doing, exchange);
      } catch (error) {
        if (error instanceof BrokerError && COORDINATOR_MOVES.has(error.code)) return undefined;
        throw error;
      }
    });
  }

  /** Returns true when all leaders answer for their offsets, and so accept writes. */
  async #isReady(topic: string): Promise<boolean> {
    try {
      const { partitions } = await this.#cluster.topic(topic);
      if (partitions.some(({ leader, errorCode }) => leader < 0 || errorCode !== OK)) return false;
      const ends = await this.#ends(topic, partitions, 'latest');
      requireAll([...ends.values()]);
      return true;
    } catch (error) {
      if (error instanceof BrokerError && (error.kind === 'retry' || error.code === 'TOPIC_UNKNOWN'))
        return false;
      throw error;
    }
  }

  /** Polls until the first truthy answer; fails after `READY_MS`. */
  async #until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const end = systemClock.monotonic() + READY_MS;
    for (let attempt = 0; ; attempt += 1) {
      const found = await look();
      if (found) return found;
      if (systemClock.monotonic() > end)
        throw new BrokerError(`waited ${READY_MS} ms for ${what}`, {
          code: 'TIMEOUT',
          kind: 'retry',
          certainty: 'unknown',
        });
      await systemClock.sleep(25 + delayMs(outageBackoff, Math.min(attempt, 3) + 1, systemRandom));
    }
  }
}

/** The failure of a leader, for one of its partitions. */
function errorOf(cause: BrokerError, place: Assignment): BrokerError {
  const { message, code, kind, certainty } = cause;
  return new BrokerError(message, { code, kind, certainty, ...place, cause });
}
