import { type Clock, systemClock } from '@convergekit/core';
import {
  type Admin,
  type Assignment,
  type Broker,
  BrokerError,
  type ConsumerOptions,
  type GroupConsumer,
  type IncomingRecord,
  partitionId,
  type Producer,
} from '../broker.ts';
import { leaderMissing } from '../errors.ts';
import { LoopConsumer } from '../group/group-consumer.ts';
import { LogAdmin } from '../log/admin.ts';
import { LogLink } from '../log/link.ts';
import type { Leadership, WakeUps } from '../log/store.ts';
import { MemoryLog } from './memory-log.ts';
import { MemoryProducer, type SendFault } from './memory-producer.ts';
import { type MemoryGroups, MemoryStore } from './memory-store.ts';

/** Faults and operator actions that a test can cause. */
export interface MemoryControls {
  /** The cluster, for more clients with separate networks: `memoryBroker({ cluster })`. */
  readonly cluster: MemoryCluster;
  /** The next matching batches of this client fail. */
  failSend(fault: SendFault): void;
  /** Makes every request of this client fail until `restore`; its members expire meanwhile. */
  takeDown(): void;
  /** Ends the outage that `takeDown` began. */
  restore(): void;
  /**
   * The partitions without a leader for this client, by `partitionId`. Its producers and admin clients get
   * LEADER_NOT_AVAILABLE. Tests add and delete entries.
   */
  readonly offline: Set<string>;
  /** Removes records below `offset`, as retention does. */
  truncate(topic: string, partition: number, offset: bigint): void;
  /** Removes records from `offset` on, as an unclean election does. */
  cutEnd(topic: string, partition: number, offset: bigint): void;
  /** The records of a partition. */
  records(topic: string, partition: number): readonly IncomingRecord[];
}

export type MemoryBroker = Broker & MemoryControls;

export interface MemoryOptions {
  /** The clock of record times and of waits; a test gives a manual one. @default the system's clock */
  readonly clock?: Clock;
  /** The log and its groups. Brokers with one cluster are clients of the same log. @default a new one */
  readonly cluster?: MemoryCluster;
}

/**
 * Opens a broker inside the process that passes the contract suite: for tests without I/O.
 * @example
 * ```ts
 * import { memoryBroker } from '@convergekit/testing';
 * import { consumerService } from 'convergekit/process';
 * import { database, payments } from './shop.ts';
 *
 * const broker = memoryBroker();
 * const admin = await broker.admin();
 * for (const name of payments.topics) await admin.createTopic({ name, partitions: 3 });
 * await consumerService([payments], { database, broker }).start();
 * ```
 */
export function memoryBroker({ clock = systemClock, cluster }: MemoryOptions = {}): MemoryBroker {
  return new InProcessBroker(clock, cluster ?? new MemoryCluster());
}

/** Topics, records and groups, shared by the clients of one cluster. */
export class MemoryCluster {
  readonly log = new MemoryLog();
  readonly groups: MemoryGroups = new Map();
}

class InProcessBroker implements MemoryBroker {
  readonly driver = 'memory';
  readonly cluster: MemoryCluster;
  readonly offline = new Set<string>();
  readonly #clock: Clock;
  readonly #log: MemoryLog;
  readonly #store: MemoryStore;
  readonly #faults: SendFault[] = [];
  readonly #open = new Set<{ close(): Promise<void> }>();
  #down = false;

  constructor(clock: Clock, cluster: MemoryCluster) {
    this.#clock = clock;
    this.cluster = cluster;
    this.#log = cluster.log;
    const { log, groups } = cluster;
    this.#store = new MemoryStore({ log, groups, clock, reach: () => this.#reach() });
  }

  async producer(): Promise<Producer> {
    await this.#reachable();
    return this.#track(new MemoryProducer(this.#log, this.#faults, (place) => this.#reach(place)));
  }

  consumer(options: ConsumerOptions): GroupConsumer {
    const { groupId, topics, sessionTimeoutMs = 10_000, heartbeatIntervalMs = 1_000 } = options;
    const wakeUps: WakeUps = { isLive: true, next: (...wait) => this.#log.waiters.next(...wait) };
    const link = new LogLink({
      store: this.#store,
      wakeUps,
      leadership: this.#leadership,
      clock: this.#clock,
      groupId,
      topics,
      sessionTimeoutMs,
    });
    // Heartbeats are free here and drive rebalances: short ones make tests fast.
    const consumer = new LoopConsumer({
      ...options,
      sessionTimeoutMs,
      heartbeatIntervalMs: Math.min(heartbeatIntervalMs, 10),
      link,
      clock: this.#clock,
    });
    this.#open.add({ close: () => consumer.stop() });
    return consumer;
  }

  async admin(): Promise<Admin> {
    await this.#reachable();
    return this.#track(new LogAdmin(this.#store, this.#leadership));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((opened) => opened.close()));
    this.#open.clear();
  }

  failSend(fault: SendFault): void {
    for (let left = fault.times ?? 1; left > 0; left -= 1) this.#faults.push(fault);
  }

  takeDown(): void {
    this.#down = true;
    this.#log.waiters.wake();
  }

  restore(): void {
    this.#down = false;
  }

  truncate(topic: string, partition: number, offset: bigint): void {
    const log = this.#log.partition(topic, partition);
    if (log === undefined || offset <= log.start) return;
    log.records.splice(0, Number(offset - log.start));
    log.start = offset;
    this.#log.waiters.wake();
  }

  cutEnd(topic: string, partition: number, offset: bigint): void {
    const log = this.#log.partition(topic, partition);
    log?.records.splice(Number(offset - log.start));
    this.#log.waiters.wake();
  }

  records(topic: string, partition: number): readonly IncomingRecord[] {
    return [...(this.#log.partition(topic, partition)?.records ?? [])];
  }

  readonly #leadership: Leadership = {
    lookUp: () => {
      this.#log.lookedUp.notify();
      return this.#log.leader;
    },
    refusalOf: (place) =>
      this.offline.has(partitionId(place.topic, place.partition)) ? leaderMissing(place) : undefined,
  };

  #reach(place?: Assignment): void {
    if (this.#down)
      throw new BrokerError('the in-memory broker is down', { code: 'BROKER_UNREACHABLE', kind: 'retry' });
    const refusal = place && this.#leadership.refusalOf(place);
    if (refusal !== undefined) throw refusal;
  }

  async #reachable(): Promise<void> {
    await Promise.resolve();
    this.#reach();
  }

  #track<T extends { close(): Promise<void> }>(opened: T): T {
    this.#open.add(opened);
    return opened;
  }
}
