import { type Clock, systemClock } from '@converge/runtime';
import { type Assignment, BrokerError, type StartAt, partitionId } from '../broker.ts';
import { topicRecreated } from '../topic-errors.ts';
import { assignPartitions } from '../group/assignor.ts';
import type { Fetched, FetchWant, GroupLink, Membership } from '../group/link.ts';
import type { BrokerLink } from './broker-link.ts';
import type { Cluster } from './cluster.ts';
import { OK, UNKNOWN_MEMBER } from './error-codes.ts';
import { isProtocolError } from './errors.ts';
import { fetchRequest, fetchResponse } from './fetch-request.ts';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './group-codec.ts';
import { listOffsets } from './offsets-request.ts';

export interface KafkaJsLinkOptions {
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly clock?: Clock;
}

/** Members of one group must name the same strategy; ours is not kafkajs's. */
const PROTOCOL = 'converge-even';
const TOPICS_EVERY_MS = 10_000;

/** A member of a consumer group, by single requests of the classic protocol. */
export class KafkaJsLink implements GroupLink {
  readonly #options: KafkaJsLinkOptions;
  readonly #clock: Clock;
  #coordinator: BrokerLink | undefined;
  #memberId = '';
  readonly #topicIds = new Map<string, string>();
  #partitions = new Map<string, number>();
  #leads = false;
  #lookedAt = 0;

  constructor(options: KafkaJsLinkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async connect(): Promise<void> {
    for (const topic of this.#options.topics)
      this.#topicIds.set(topic, (await this.#options.cluster.topic(topic)).topicId);
  }

  async join(): Promise<Membership> {
    const { groupId, topics, sessionTimeoutMs } = this.#options;
    const membership = await this.#withCoordinator(`joining group ${groupId}`, async (link, doing) => {
      const joined = await link.call(doing, (broker) =>
        broker.joinGroup({
          groupId,
          sessionTimeout: sessionTimeoutMs,
          rebalanceTimeout: Math.max(sessionTimeoutMs, 10_000),
          memberId: this.#memberId,
          groupProtocols: [{ name: PROTOCOL, metadata: encodeSubscription(topics) }],
        }),
      );
      this.#memberId = joined.memberId;
      this.#leads = joined.leaderId === joined.memberId;
      const groupAssignment = this.#leads ? await this.#share(joined.members) : [];
      const { memberId, generationId } = joined;
      const synced = await link.call(doing, (broker) =>
        broker.syncGroup({ groupId, generationId, memberId, groupAssignment }),
      );
      return { memberId, generation: generationId, assigned: decodeAssignment(synced.memberAssignment) };
    }).catch((error: unknown) => {
      this.#forgetMember(error);
      throw error;
    });
    await this.refresh();
    return membership;
  }

  async heartbeat({ memberId, generation }: Membership): Promise<'member' | 'rebalance' | 'lost'> {
    const { groupId } = this.#options;
    try {
      await this.#withCoordinator(`heartbeat to group ${groupId}`, (link, doing) =>
        link.call(doing, (broker) => broker.heartbeat({ groupId, groupGenerationId: generation, memberId })),
      );
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#forgetMember(error);
      if (error.code === 'REBALANCING') return 'rebalance';
      if (error.code === 'NOT_A_MEMBER') return 'lost';
      throw error;
    }
    return (await this.#topicsChanged()) ? 'rebalance' : 'member';
  }

  async leave(): Promise<void> {
    const { groupId } = this.#options;
    const memberId = this.#memberId;
    if (memberId === '') return;
    await this.#withCoordinator(`leaving group ${groupId}`, (link, doing) =>
      link.call(doing, (broker) => broker.leaveGroup({ groupId, memberId })),
    );
  }

  async commit(
    { memberId, generation }: Membership,
    { topic, partition }: Assignment,
    offset: bigint,
  ): Promise<void> {
    const { groupId } = this.#options;
    const topics = [{ topic, partitions: [{ partition, offset: String(offset) }] }];
    await this.#withCoordinator(`committing ${topic}/${partition} at ${offset}`, (link, doing) =>
      link.call(doing, (broker) =>
        broker.offsetCommit({ groupId, groupGenerationId: generation, memberId, topics }),
      ),
    );
  }

  async resolve(wanted: readonly (Assignment & { readonly at: StartAt })[]): Promise<readonly bigint[]> {
    const committed = await this.#committed(wanted.filter(({ at }) => at === 'committed'));
    return Promise.all(
      wanted.map(async ({ topic, partition, at }) => {
        if (typeof at === 'bigint') return at;
        const offset = committed.get(partitionId(topic, partition));
        if (offset !== undefined) return offset;
        const leader = await this.#options.cluster.leader({ topic, partition });
        const found = await listOffsets(leader, topic, [partition], at === 'latest' ? 'latest' : 'earliest');
        return found.get(partition) ?? 0n;
      }),
    );
  }

  nodeOf(place: Assignment): number | undefined {
    return this.#options.cluster.leaderOf(place);
  }

  async fetch(node: number, wants: readonly FetchWant[], maxWaitMs: number): Promise<readonly Fetched[]> {
    const link = await this.#options.cluster.node(node);
    return fetchResponse(await link.send(fetchRequest(wants, maxWaitMs), 'fetches'), wants);
  }

  async refresh(): Promise<void> {
    const known = await this.#options.cluster.metadata(this.#options.topics);
    // Positions of the old log mean nothing in the new one, and may well exist there.
    for (const { name, topicId, errorCode } of known.values())
      if (errorCode === OK && topicId !== this.#topicIds.get(name)) throw topicRecreated(name);
  }

  close(): Promise<void> {
    this.#options.cluster.close();
    return Promise.resolve();
  }

  async #committed(wanted: readonly Assignment[]): Promise<ReadonlyMap<string, bigint>> {
    const { groupId } = this.#options;
    if (wanted.length === 0) return new Map();
    const topics = [...Map.groupBy(wanted, ({ topic }) => topic)].map(([topic, places]) => ({
      topic,
      partitions: places.map(({ partition }) => ({ partition })),
    }));
    const { responses } = await this.#withCoordinator(`reading offsets of group ${groupId}`, (link, doing) =>
      link.call(doing, (broker) => broker.offsetFetch({ groupId, topics })),
    );
    const found = responses.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => [partitionId(topic, partition), BigInt(offset)] as const),
    );
    return new Map(found.filter(([, offset]) => offset >= 0n));
  }

  /** The leader decides for all, on what the cluster says now. */
  async #share(
    members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[],
  ): Promise<readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]> {
    const subscribers = members.map(({ memberId, memberMetadata }) => ({
      id: memberId,
      topics: decodeSubscription(memberMetadata),
    }));
    const topics = [...new Set(subscribers.flatMap((subscriber) => subscriber.topics))];
    this.#partitions = await this.#count(topics);
    const shares = assignPartitions(subscribers, (topic) => this.#partitions.get(topic) ?? 0);
    return [...shares].map(([memberId, share]) => ({ memberId, memberAssignment: encodeAssignment(share) }));
  }

  async #count(topics: readonly string[]): Promise<Map<string, number>> {
    const known = await this.#options.cluster.metadata(topics);
    return new Map([...known].map(([name, { partitions }]) => [name, partitions.length]));
  }

  /** Looked at now and then: whether a topic was made again, and by the leader, whether one has grown. */
  async #topicsChanged(): Promise<boolean> {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt < TOPICS_EVERY_MS) return false;
    this.#lookedAt = now;
    await this.refresh();
    if (!this.#leads) return false;
    const counts = await this.#count([...this.#partitions.keys()]);
    return [...counts].some(([topic, count]) => count > (this.#partitions.get(topic) ?? 0));
  }

  /** The group does not know us: the next join is a new member's. A generation that is over leaves the member known. */
  #forgetMember(error: unknown): void {
    if (error instanceof BrokerError && isProtocolError(error.cause, UNKNOWN_MEMBER)) this.#memberId = '';
  }

  /** Finds the coordinator when it is not known, and forgets it when it is not the one any more. */
  async #withCoordinator<T>(
    doing: string,
    request: (link: BrokerLink, doing: string) => Promise<T>,
  ): Promise<T> {
    if (this.#coordinator?.usable !== true)
      this.#coordinator = await this.#options.cluster.coordinator(this.#options.groupId);
    try {
      return await request(this.#coordinator, doing);
    } catch (error) {
      if (error instanceof BrokerError && /COORDINATOR|UNREACHABLE|TIMEOUT/.test(error.code))
        this.#coordinator = undefined;
      throw error;
    }
  }
}
