import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type {
  Admin,
  Broker,
  BrokerError,
  IncomingRecord,
  OutgoingRecord,
  Producer,
  SendResult,
} from '../broker.ts';
import { Member, type MemberOptions } from './member.ts';

/** A driver under test and its environment. */
export interface BrokerUnderTest {
  /** Creates a new client. */
  connect(): Broker;
  /** A session timeout that this broker permits; tests of long batches wait longer than it. */
  readonly sessionTimeoutMs: number;
  /** Creates a separate network for a test that breaks it. */
  network(): Promise<BreakableNetwork>;
}

export interface BreakableNetwork {
  /** A new client that reaches the broker through this network only. */
  connect(): Broker;
  /** Drops every connection; new ones are accepted at once. */
  cut(): void;
  /** Swallows everything sent over the present connections; new connections work. */
  stall(): void;
  /** Drops every connection and accepts no new ones until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** The next write is applied, and its acknowledgement lost with the connection. */
  loseNextAcknowledgement(): void;
  /** No partition has a leader until `moveLeaders`. Resolves when a client of this network has seen it in an answer. */
  loseLeaders(): Promise<void>;
  loseLeader(topic: string, partition: number): void;
  /** Gives every partition another leader. Resolves when a client of this network has seen it in an answer. */
  moveLeaders(): Promise<void>;
  close(): Promise<void>;
}

/** A limit on a test that hangs, not on its speed: the suite passes on a machine under heavy load. */
export const HANGS_MS = 300_000;

/** Today: a broker's retention deletes records that call themselves old while a test still reads them. */
export const NOW = Date.now();

export function record(value: string | null, extra: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return { key: 'key', value, headers: [], timestampMs: NOW, ...extra };
}

export function records(count: number, prefix = ''): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) => record(`${prefix}${index}`));
}

export function values(of: readonly IncomingRecord[]): (string | undefined)[] {
  return of.map(({ value }) => value?.toString());
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Polls until the condition holds. The suite cannot use `waitUntil`: packages below `@convergekit/testing` run it. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + HANGS_MS / 2;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${HANGS_MS / 2} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits for a whole round of fetches: several consecutive requests of another client. */
export async function settled(kit: Kit, topic: string): Promise<void> {
  const admin = await kit.admin();
  const end = performance.now() + 150;
  while (performance.now() < end) {
    await admin.logEnds(topic);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await admin.close();
}

/** Begins a test with a topic. */
export async function begin(
  setup: () => BrokerUnderTest,
  partitions = 1,
  config: Readonly<Record<string, string>> = {},
): Promise<{ readonly kit: Kit; readonly topic: string; readonly groupId: string }> {
  const kit = new Kit(setup());
  return { kit, topic: await kit.topic(partitions, config), groupId: kit.groupId };
}

/** The clients, topics and members of one test, closed at its end. */
export class Kit {
  readonly broker: Broker;
  readonly under: BrokerUnderTest;
  readonly groupId = this.group();
  readonly #topics: string[] = [];

  constructor(under: BrokerUnderTest) {
    this.under = under;
    this.broker = this.#closing(under.connect());
  }

  async topic(partitions = 1, config: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = `suite-${randomBytes(6).toString('hex')}`;
    const admin = await this.admin();
    await admin.createTopic({ name, partitions, config });
    this.#topics.push(name);
    onTestFinished(async () => {
      const cleaner = this.under.connect();
      await (await cleaner.admin()).deleteTopic(name);
      await cleaner.close();
    });
    return name;
  }

  group(): string {
    return `group-${randomBytes(6).toString('hex')}`;
  }

  admin(): Promise<Admin> {
    return this.broker.admin();
  }

  producer(): Promise<Producer> {
    return this.broker.producer();
  }

  /** A network, and a client that reaches the broker through it only. */
  async network(): Promise<BreakableNetwork & { readonly broker: Broker }> {
    const network = await this.under.network();
    onTestFinished(() => network.close());
    return { ...network, broker: this.#closing(network.connect()) };
  }

  /** Writes a batch; throws when it fails. */
  write(topic: string, partition: number, batch: readonly OutgoingRecord[]): Promise<bigint> {
    return this.writeEach(topic, partition, [batch]);
  }

  /** Writes batches, one after the other, and returns the offset of the first; throws when one fails. */
  async writeEach(
    topic: string,
    partition: number,
    batches: readonly (readonly OutgoingRecord[])[],
  ): Promise<bigint> {
    const producer = await this.producer();
    const offsets: bigint[] = [];
    for (const records of batches) {
      const [result] = await producer.send([{ topic, partition, records }]);
      offsets.push(written(result));
    }
    await producer.close();
    return offsets[0] ?? 0n;
  }

  async readAll(topic: string, partition = 0): Promise<IncomingRecord[]> {
    return collect((await this.admin()).read(topic, partition, 0n, 1_000_000n));
  }

  /** A member of the kit's group that reads its first topic, unless the options say otherwise. */
  member(options: Partial<MemberOptions> = {}, broker: Broker = this.broker): Member {
    const { sessionTimeoutMs } = this.under;
    const topics = this.#topics.slice(0, 1);
    const member = new Member(broker, { groupId: this.groupId, topics, sessionTimeoutMs, ...options });
    onTestFinished(() => member.release());
    return member;
  }

  /** A member that has joined: its handlers must not refer to it before. */
  started(options: Partial<MemberOptions> = {}, broker: Broker = this.broker): Promise<Member> {
    return this.member(options, broker).start();
  }

  #closing(broker: Broker): Broker {
    onTestFinished(() => broker.close());
    return broker;
  }
}

export function refusal(result: SendResult | undefined): BrokerError {
  if (result?.ok === false) return result.error;
  throw new Error('it was written');
}

export function written(result: SendResult | undefined): bigint {
  if (result?.ok === true) return result.baseOffset;
  throw result?.error ?? new Error('no result');
}
