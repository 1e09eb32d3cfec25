import { systemClock } from '@convergekit/core';
import {
  type Assignment,
  assignPartitions,
  BrokerError,
  type Fetched,
  type FetchWant,
  type GroupLink,
  type Membership,
  partitionId,
  type PlaceOffset,
  type StartAt,
} from '@convergekit/broker/engine';
import type { BrokerLink } from './broker-link.ts';
import type { Cluster } from './cluster.ts';
import { OK, UNKNOWN_MEMBER } from './error-codes.ts';
import { isAnswer } from './errors.ts';
import { type FetchAsked, fetchRequest } from './fetch-request.ts';
import { FetchSession } from './fetch-session.ts';
import * as requests from './group-requests.ts';
import { readEnd } from './offsets-request.ts';

export interface WireLinkOptions {
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly maxBatchBytes?: number | undefined;
}

/** The assignment strategy; all members of a group name the same one, and kafkajs's is another. */
const PROTOCOL = 'converge-even';
/** The longest time between two looks at the topics, in milliseconds; a shorter session looks once in its length. */
const TOPICS_EVERY_MS = 10_000;

/** A member of a consumer group, by single requests of the classic protocol. */
export class WireLink implements GroupLink {
  readonly #options: WireLinkOptions;
  readonly #rebalanceTimeoutMs: number;
  #coordinator: BrokerLink | undefined;
  #memberId = '';
  readonly #topicIds = new Map<string, string>();
  readonly #recreated: string[] = [];
  readonly #sessions = new Map<number, FetchSession>();
  #partitions = new Map<string, number>();
  #leads = false;
  #lookedAt = 0;

  constructor(options: WireLinkOptions) {
    this.#options = options;
    this.#rebalanceTimeoutMs = Math.max(options.sessionTimeoutMs, 10_000);
  }

  async connect(): Promise<void> {
    for (const topic of this.#options.topics)
      this.#topicIds.set(topic, (await this.#options.cluster.topic(topic)).topicId);
  }

  async join(): Promise<Membership> {
    const { groupId } = this.#options;
    const membership = await this.#withCoordinator(`joining group ${groupId}`, async (link, doing) => {
      const { memberId, leaderId, generation, members } = await this.#enter(link, doing);
      this.#leads = leaderId === memberId;
      const shares = this.#leads ? await this.#share(members) : [];
      const own = await link.call(
        doing,
        requests.syncGroup(groupId, { memberId, generation }, shares, this.#rebalanceTimeoutMs),
      );
      // Where the broker assigns, for members of the newer group protocol too, none leads.
      const isShared = leaderId === '';
      const assigned = await link.read(doing, () => requests.decodeAssignment(own));
      return { memberId, generation, assigned, isShared };
    }).catch((error: unknown) => {
      this.#forgetMember(error);
      throw error;
    });
    await this.refresh();
    return membership;
  }

  async heartbeat(membership: Membership): Promise<'member' | 'rebalance' | 'lost'> {
    const { groupId } = this.#options;
    try {
      await this.#withCoordinator(`heartbeat to group ${groupId}`, (link, doing) =>
        link.call(doing, requests.heartbeat(groupId, membership)),
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
      link.call(doing, requests.leaveGroup(groupId, memberId)),
    );
  }

  async commit(membership: Membership, offsets: readonly PlaceOffset[]): Promise<void> {
    const { groupId } = this.#options;
    await this.#withCoordinator(`committing offsets of group ${groupId}`, (link, doing) =>
      link.call(doing, requests.commitOffsets(groupId, membership, offsets)),
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
        return readEnd(leader, { topic, partition }, at === 'latest' ? 'latest' : 'earliest');
      }),
    );
  }

  async ends(place: Assignment): Promise<{ readonly end: bigint; readonly stable: bigint }> {
    const leader = await this.#options.cluster.leader(place);
    // In this order: what arrives in between must not look like an open transaction.
    const end = await readEnd(leader, place, 'latest');
    return { end, stable: await readEnd(leader, place, 'stable') };
  }

  nodeOf(place: Assignment): number | undefined {
    return this.#options.cluster.leaderOf(place);
  }

  isThrottled(place: Assignment): boolean {
    return this.#sessions.get(this.nodeOf(place) ?? -1)?.isThrottled === true;
  }

  async fetch(node: number, wants: readonly FetchWant[], maxWaitMs: number): Promise<readonly Fetched[]> {
    const link = await this.#options.cluster.node(node);
    let session = this.#sessions.get(node);
    if (session === undefined) this.#sessions.set(node, (session = new FetchSession()));
    const send = (asked: FetchAsked): Promise<Buffer> =>
      link.send(fetchRequest(asked, maxWaitMs, 'committed'), 'fetches');
    const { maxBatchBytes } = this.#options;
    return link.read(`fetching from ${link.address}`, () => session.fetch(wants, send, maxBatchBytes));
  }

  async refresh(): Promise<void> {
    const known = await this.#options.cluster.metadata(this.#options.topics);
    for (const { name, topicId, errorCode } of known.values()) {
      if (errorCode !== OK || topicId === this.#topicIds.get(name)) continue;
      this.#topicIds.set(name, topicId);
      this.#recreated.push(name);
    }
  }

  onLeaders(listener: () => void): () => void {
    return this.#options.cluster.onLeaders(listener);
  }

  recreated(): readonly string[] {
    return this.#recreated.splice(0);
  }

  close(): Promise<void> {
    this.#options.cluster.close();
    return Promise.resolve();
  }

  async #committed(wanted: readonly Assignment[]): Promise<ReadonlyMap<string, bigint>> {
    const { groupId } = this.#options;
    if (wanted.length === 0) return new Map();
    const found = await this.#withCoordinator(`reading offsets of group ${groupId}`, (link, doing) =>
      link.call(doing, requests.committedOffsets(groupId, wanted)),
    );
    return new Map(found.map(({ topic, partition, value }) => [partitionId(topic, partition), value]));
  }

  /** Joins twice at first: the broker assigns the member id. A lost answer then leaves no member without a client. */
  async #enter(link: BrokerLink, doing: string): Promise<requests.Joined> {
    const { groupId, topics, sessionTimeoutMs } = this.#options;
    for (;;) {
      const joining = {
        groupId,
        memberId: this.#memberId,
        sessionTimeoutMs,
        rebalanceTimeoutMs: this.#rebalanceTimeoutMs,
        protocol: PROTOCOL,
        metadata: requests.encodeSubscription(topics),
      };
      const joined = await link.call(doing, requests.joinGroup(joining));
      this.#memberId = joined.memberId;
      if (!joined.named) return joined;
    }
  }

  /** Assigns partitions for all members, by the metadata of now; the leader's task. */
  async #share(
    members: requests.Joined['members'],
  ): Promise<readonly { readonly memberId: string; readonly share: Buffer }[]> {
    const subscribers = members.map(({ memberId, metadata }) => ({
      id: memberId,
      topics: requests.decodeSubscription(metadata),
    }));
    const topics = [...new Set(subscribers.flatMap((subscriber) => subscriber.topics))];
    this.#partitions = await this.#count(topics);
    const shares = assignPartitions(subscribers, (topic) => this.#partitions.get(topic) ?? 0);
    return [...shares].map(([memberId, share]) => ({ memberId, share: requests.encodeAssignment(share) }));
  }

  async #count(topics: readonly string[]): Promise<Map<string, number>> {
    const known = await this.#options.cluster.metadata(topics);
    return new Map([...known].map(([name, { partitions }]) => [name, partitions.length]));
  }

  /** Checks periodically for topics that were created again, and, as the leader, for new partitions. */
  async #topicsChanged(): Promise<boolean> {
    const now = systemClock.monotonic();
    if (now - this.#lookedAt < Math.min(TOPICS_EVERY_MS, this.#options.sessionTimeoutMs)) return false;
    this.#lookedAt = now;
    await this.refresh();
    if (!this.#leads) return false;
    const counts = await this.#count([...this.#partitions.keys()]);
    return [...counts].some(([topic, count]) => count > (this.#partitions.get(topic) ?? 0));
  }

  /** Drops a member id that the group does not know; a new generation keeps the id. */
  #forgetMember(error: unknown): void {
    if (isAnswer(error, UNKNOWN_MEMBER)) this.#memberId = '';
  }

  /** Runs a request at the coordinator, which is found first if unknown, and forgotten when it has moved. */
  async #withCoordinator<T>(
    doing: string,
    request: (link: BrokerLink, doing: string) => Promise<T>,
  ): Promise<T> {
    if (this.#coordinator?.usable !== true)
      this.#coordinator = await this.#options.cluster.coordinator(this.#options.groupId, 'Read');
    try {
      return await request(this.#coordinator, doing);
    } catch (error) {
      if (error instanceof BrokerError && /COORDINATOR|UNREACHABLE|TIMEOUT/.test(error.code))
        this.#coordinator = undefined;
      throw error;
    }
  }
}
