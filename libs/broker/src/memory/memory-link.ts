import type { Clock } from '@convergekit/core';
import { type Assignment, BrokerError, type StartAt } from '../broker.ts';
import type { Fetched, FetchWant, GroupLink, Membership, PlaceOffset } from '../group/link.ts';
import type { MemoryGroup } from './memory-group.ts';
import type { MemoryLog } from './memory-log.ts';
import { offsetOutOfRange, partitionMissing, topicUnknown } from '../errors.ts';

export interface MemoryLinkOptions {
  readonly log: MemoryLog;
  readonly group: MemoryGroup;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly clock: Clock;
  /** Throws when the broker is out of reach. */
  readonly reach: () => void;
}

/** The requests of a group member, answered in the process. */
export class MemoryLink implements GroupLink {
  readonly #options: MemoryLinkOptions;
  readonly #closed = new AbortController();
  readonly #topicIds = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #leader: number | undefined;
  readonly #recreated: string[] = [];
  #memberId: string | undefined;

  constructor(options: MemoryLinkOptions) {
    this.#options = options;
  }

  async connect(): Promise<void> {
    await this.#request();
    for (const topic of this.#options.topics) {
      const found = this.#options.log.topic(topic);
      if (found === undefined) throw topicUnknown(topic);
      this.#topicIds.set(topic, found.topicId);
    }
  }

  async join(): Promise<Membership> {
    await this.#request();
    const { group, topics, sessionTimeoutMs } = this.#options;
    const joining = group.join(this.#memberId, topics, sessionTimeoutMs);
    this.#memberId = joining.id;
    this.#lookUpLeader();
    return joining;
  }

  async heartbeat(membership: Membership): Promise<'member' | 'rebalance' | 'lost'> {
    await this.#request();
    this.#lookUpLeader();
    return this.#options.group.heartbeat(membership.memberId, membership.generation);
  }

  async leave(): Promise<void> {
    await this.#request();
    if (this.#memberId !== undefined) this.#options.group.leave(this.#memberId);
  }

  async commit(membership: Membership, offsets: readonly PlaceOffset[]): Promise<void> {
    await this.#request();
    const { group } = this.#options;
    const [place] = offsets;
    if (place === undefined) return;
    if (!group.isMember(membership.memberId, membership.generation))
      throw new BrokerError(
        `the commit of ${place.topic}/${place.partition} is refused: the group has rebalanced since`,
        {
          code: 'NOT_A_MEMBER',
          kind: 'retry',
          certainty: 'not_applied',
          topic: place.topic,
          partition: place.partition,
        },
      );
    for (const { offset, ...at } of offsets) group.commit(at, offset);
  }

  async resolve(wanted: readonly (Assignment & { readonly at: StartAt })[]): Promise<readonly bigint[]> {
    await this.#request();
    return wanted.map(({ topic, partition, at }) => {
      const log = this.#options.log.partition(topic, partition);
      if (log === undefined) throw topicUnknown(topic);
      if (typeof at === 'bigint') return at;
      if (at === 'latest') return log.start + BigInt(log.records.length);
      const committed = at === 'committed' ? this.#options.group.committed(topic).get(partition) : undefined;
      return committed ?? log.start;
    });
  }

  async ends({ topic, partition }: Assignment): Promise<{ readonly end: bigint; readonly stable: bigint }> {
    await this.#request();
    const log = this.#options.log.partition(topic, partition);
    if (log === undefined) throw topicUnknown(topic);
    const end = log.start + BigInt(log.records.length);
    return { end, stable: end };
  }

  nodeOf(): number | undefined {
    return this.#leader;
  }

  onLeaders(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async fetch(_node: number, wants: readonly FetchWant[], maxWaitMs: number): Promise<readonly Fetched[]> {
    const { clock, log } = this.#options;
    const until = clock.monotonic() + maxWaitMs;
    for (;;) {
      await this.#request();
      const more = log.appended.next();
      const answers = wants.map((want) => this.#read(want));
      const left = until - clock.monotonic();
      if (
        left <= 0 ||
        this.#closed.signal.aborted ||
        answers.some((answer) => !answer.ok || answer.records.length > 0)
      )
        return answers;
      const over = new AbortController();
      await Promise.race([more, clock.sleep(left, AbortSignal.any([over.signal, this.#closed.signal]))]);
      over.abort('over');
    }
  }

  async refresh(): Promise<void> {
    await this.#request();
    this.#lookUpLeader();
    for (const [name, known] of this.#topicIds) {
      const topicId = this.#options.log.topic(name)?.topicId;
      if (topicId === undefined || topicId === known) continue;
      this.#topicIds.set(name, topicId);
      this.#recreated.push(name);
    }
  }

  recreated(): readonly string[] {
    return this.#recreated.splice(0);
  }

  close(): Promise<void> {
    this.#closed.abort();
    return Promise.resolve();
  }

  /** Looks the leader up when a real client would: at a join, a refresh, a heartbeat. */
  #lookUpLeader(): void {
    const { leader } = this.#options.log;
    this.#options.log.lookedUp.notify();
    if (leader === this.#leader) return;
    this.#leader = leader;
    for (const listener of this.#listeners) listener();
  }

  #read(want: FetchWant): Fetched {
    const { topic, partition, offset, maxBytes } = want;
    const log = this.#options.log.partition(topic, partition);
    if (log === undefined) return { ok: false, topic, partition, error: partitionMissing(want) };
    // The next refresh detects whether the topic was created again.
    if (this.#options.log.topic(topic)?.topicId !== this.#topicIds.get(topic))
      return { ok: false, topic, partition, error: partitionMissing(want) };
    const end = log.start + BigInt(log.records.length);
    if (offset < log.start || offset > end)
      return { ok: false, topic, partition, error: offsetOutOfRange(want, log.start, end) };
    const records = this.#options.log.slice(topic, partition, offset, maxBytes);
    return {
      ok: true,
      topic,
      partition,
      records,
      bytes: records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0),
      nextOffset: offset + BigInt(records.length),
      highWatermark: end,
    };
  }

  /** Makes every request asynchronous, as over a network. */
  async #request(): Promise<void> {
    await Promise.resolve();
    this.#options.reach();
  }
}
