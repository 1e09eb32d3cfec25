import { type Assignment, BrokerError, leaderMissing, topicUnknown } from '@convergekit/broker/engine';
import type { Random } from '@convergekit/core';
import { BrokerLink, type LinkOptions } from './broker-link.ts';
import type { Exchange } from './connection.ts';
import { Elections } from './elections.ts';
import { OK, UNKNOWN_TOPIC } from './error-codes.ts';
import { protocolError } from './errors.ts';
import { findCoordinator } from './group-requests.ts';
import { type ClusterMetadata, metadataRequest, type TopicMetadata } from './metadata-request.ts';

export interface ClusterOptions extends LinkOptions {
  readonly brokers: readonly string[];
  readonly reachAt: (address: string) => string;
  readonly onClose: (cluster: Cluster) => void;
  /** Chooses the broker that is asked first. */
  readonly random: Random;
}

/**
 * The cluster as one client sees it: leaders of partitions, and a link to each used broker. The class does not retry.
 * A broker that is cut off from its controllers answers with leaders of before, its own leadership among them. So one is
 * not asked alone again and again, and a leader of an earlier election replaces none.
 */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #links = new Map<string, BrokerLink>();
  readonly #leaders = new Map<string, Map<number, number>>();
  readonly #elections = new Elections();
  readonly #listeners = new Set<() => void>();
  /** Brokers that did not answer when all were asked. */
  readonly #silent = new Set<number>();
  #brokers: ClusterMetadata['brokers'] = new Map();
  #closed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Requests metadata; remembers brokers and leaders. Rejects with the brokers' addresses when none is reachable. */
  async metadata(topics: readonly string[]): Promise<ReadonlyMap<string, TopicMetadata>> {
    return this.#lookUp(topics, await this.#anyConnected());
  }

  async #lookUp(topics: readonly string[], link: BrokerLink, timeoutMs?: number) {
    const answer = await this.#ask(link, metadataRequest(topics, timeoutMs));
    this.#brokers = answer.brokers;
    let changed = false;
    for (const [name, topic] of answer.topics)
      for (const { partition, leader, leaderEpoch, errorCode } of topic.partitions) {
        if (!this.#elections.isLatest(topic, partition, leaderEpoch)) continue;
        const known = errorCode === OK && leader >= 0 ? leader : undefined;
        if (this.#learn({ topic: name, partition }, known)) changed = true;
      }
    if (changed) for (const listener of this.#listeners) listener();
    return answer.topics;
  }

  /** The metadata of a topic that must exist. */
  async topic(name: string): Promise<TopicMetadata> {
    let found = (await this.metadata([name])).get(name);
    // A topic that was just made is known to the broker that was asked to make it, which may be another one.
    if (isMissing(found)) found = (await this.#lookUp([name], await this.any())).get(name);
    if (isMissing(found)) throw topicUnknown(name);
    if (found.errorCode !== OK)
      throw protocolError(found.errorCode, {
        doing: `looking up topic ${name}`,
        topic: name,
        right: { operation: 'Describe', on: 'topic', name },
      });
    return found;
  }

  /**
   * The metadata of a topic that must exist, after every broker was asked for its leaders: whether a log has lost records is
   * decided by its last leader. A broker that does not answer in `timeoutMs` is left out, and is not asked again: the wait for it
   * is one, however many topics follow.
   */
  async topicOfAll(name: string, timeoutMs: number): Promise<TopicMetadata> {
    const found = await this.topic(name);
    const ask = async (id: number) => this.#lookUp([name], await this.node(id), timeoutMs);
    await Promise.all(this.#answering().map((id) => ask(id).catch(() => this.#silent.add(id))));
    return found;
  }

  /** Calls `listener` after each answer that changed or removed a leader. The returned function ends the calls. */
  onLeaders(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  leaderOf({ topic, partition }: Assignment): number | undefined {
    return this.#leaders.get(topic)?.get(partition);
  }

  forget({ topic, partition }: Assignment): void {
    this.#leaders.get(topic)?.delete(partition);
  }

  /** The broker of a node id from the metadata. */
  async node(id: number): Promise<BrokerLink> {
    const known = this.#brokers.get(id);
    if (known === undefined)
      throw new BrokerError(`broker ${id} is not in the cluster's metadata`, {
        code: 'BROKER_NOT_AVAILABLE',
        kind: 'retry',
      });
    return this.#open(known.host, known.port);
  }

  /** The leader of a partition, looked up if unknown. */
  async leader(place: Assignment): Promise<BrokerLink> {
    if (this.leaderOf(place) === undefined) await this.topic(place.topic);
    const leader = this.leaderOf(place);
    if (leader !== undefined) return this.node(leader);
    throw leaderMissing(place);
  }

  /** The coordinator of a group; `right`: what the caller needs of the group. */
  async coordinator(groupId: string, right: 'Describe' | 'Read'): Promise<BrokerLink> {
    const link = await this.#anyConnected();
    const doing = `finding the coordinator of group ${groupId}`;
    const { host, port } = await link.call(doing, findCoordinator(groupId, right));
    return this.#open(host, port);
  }

  /** Returns any reachable broker: a connected one, else one of the metadata, else a bootstrap broker. */
  async any(): Promise<BrokerLink> {
    const [connected] = this.#connected();
    if (connected !== undefined) return connected;
    // Every connection was lost: another cluster may answer now.
    this.#elections.clear();
    const known = [...this.#brokers.values()];
    const given = this.#options.brokers.map(parseAddress);
    let last: unknown;
    let untrusted: BrokerError | undefined;
    for (const { host, port } of [...this.#fromAnywhere(known), ...this.#fromAnywhere(given)]) {
      try {
        return await this.#open(host, port);
      } catch (error) {
        // A wrong password is wrong at every broker, and another try may lock the account. Certificates are renewed broker by broker.
        if (!(error instanceof BrokerError)) throw error;
        if (error.code === 'TLS_FAILED') untrusted ??= error;
        else if (error.kind !== 'retry') throw error;
        last = error;
      }
    }
    throw untrusted ?? this.#unreachable(last);
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) link.destroy();
    this.#links.clear();
    this.#options.onClose(this);
  }

  /** Records a leader. Returns true when the leader changed. */
  #learn(place: Assignment, leader: number | undefined): boolean {
    if (this.leaderOf(place) === leader) return false;
    const { topic, partition } = place;
    const ofTopic = this.#leaders.get(topic) ?? new Map<number, number>();
    if (leader === undefined) ofTopic.delete(partition);
    else this.#leaders.set(topic, ofTopic.set(partition, leader));
    return true;
  }

  /**
   * Returns a reachable broker as `any` does, but not always the same one. A client with one connection makes another for the
   * next look-up: it may be connected to the broker that is cut off alone.
   */
  async #anyConnected(): Promise<BrokerLink> {
    const [connected, second] = this.#fromAnywhere(this.#connected());
    if (connected === undefined) return this.any();
    const [known] = this.#fromAnywhere(this.#answering());
    if (second === undefined && known !== undefined) this.node(known).catch(() => undefined);
    return connected;
  }

  /** Returns the list from a random place on, and then what is before it. */
  #fromAnywhere<T>(list: readonly T[]): readonly T[] {
    const at = Math.floor(this.#options.random() * list.length);
    return [...list.slice(at), ...list.slice(0, at)];
  }

  #answering(): readonly number[] {
    return [...this.#brokers.keys()].filter((id) => !this.#silent.has(id));
  }

  #connected(): readonly BrokerLink[] {
    return [...this.#links.values()].filter((link) => link.connected);
  }

  async #ask(link: BrokerLink, request: Exchange<ClusterMetadata>): Promise<ClusterMetadata> {
    try {
      return await link.call(`Metadata request to ${link.address}`, request);
    } catch (error) {
      // A listener that wants other settings takes the connection and drops it at the first request.
      if (error instanceof BrokerError && error.code === 'BROKER_UNREACHABLE') throw this.#unreachable(error);
      throw error;
    }
  }

  #unreachable(last: unknown): BrokerError {
    const why = last instanceof Error ? last.message : 'none was given';
    return new BrokerError(
      `no broker can be reached at ${this.#options.brokers.join(', ')} (${why}): is Kafka running, are the addresses right, and do the TLS and SASL settings match its listener?`,
      { code: 'BROKER_UNREACHABLE', kind: 'retry', cause: last },
    );
  }

  async #open(host: string, port: number): Promise<BrokerLink> {
    if (this.#closed)
      throw new BrokerError('the client is closed', { code: 'CLIENT_CLOSED', kind: 'new_producer' });
    const address = this.#options.reachAt(`${host}:${port}`);
    let link = this.#links.get(address);
    if (link?.usable !== true) {
      const target = parseAddress(address);
      link = new BrokerLink(target.host, target.port, this.#options);
      this.#links.set(address, link);
    }
    await link.open();
    return link;
  }
}

function isMissing(topic: TopicMetadata | undefined): topic is undefined {
  return topic === undefined || topic.errorCode === UNKNOWN_TOPIC;
}

function parseAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  const port = Number(address.slice(at + 1));
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  if (at < 1 || host === '' || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new BrokerError(`"${address}" is no broker address: it must be host:port`, {
      code: 'BROKER_ADDRESS_INVALID',
      kind: 'configuration',
    });
  return { host, port };
}
