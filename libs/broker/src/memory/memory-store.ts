import type { Clock } from '@convergekit/core';
import { type Assignment, type GroupMember, type LogEnds, type NewTopic, partitionId } from '../broker.ts';
import { topicUnknown } from '../errors.ts';
import type { GroupChange, GroupState, MemberState } from '../log/join-decision.ts';
import {
  groupSubject,
  type HeartbeatAnswer,
  type KnownTopic,
  type LogStore,
  type StoreCommit,
  type StoreFound,
  type StoreWant,
} from '../log/store.ts';
import type { MemoryLog } from './memory-log.ts';

interface Member extends Omit<MemberState, 'expired'> {
  seenAt: number;
}

interface Group {
  version: bigint;
  generation: bigint;
  rebalancing: boolean;
  readonly members: Map<string, Member>;
  /** The next offset to read, by topic id and partition. */
  readonly offsets: Map<string, bigint>;
}

/** The groups of a cluster, by id. */
export type MemoryGroups = Map<string, Group>;

export interface MemoryStoreParts {
  readonly log: MemoryLog;
  readonly groups: MemoryGroups;
  readonly clock: Clock;
  /** Throws when the broker is out of reach. */
  readonly reach: () => void;
}

/** The statements to a log in the process. Every request is asynchronous, as over a network. */
export class MemoryStore implements LogStore {
  readonly #parts: MemoryStoreParts;

  constructor(parts: MemoryStoreParts) {
    this.#parts = parts;
  }

  async findTopics(names: readonly string[]): Promise<ReadonlyMap<string, KnownTopic>> {
    const { log } = await this.#request();
    const found = names.flatMap((name) => log.topic(name) ?? []);
    return new Map(
      found.map(({ name, topicId: id, config, partitions }) => {
        return [name, { id, name, config, partitions: partitions.length }];
      }),
    );
  }

  async createTopic(topic: NewTopic): Promise<boolean> {
    const { log } = await this.#request();
    return log.create(topic);
  }

  async deleteTopic(name: string): Promise<void> {
    const { log } = await this.#request();
    log.delete(name);
  }

  async readEnds(topic: string): Promise<readonly LogEnds[]> {
    const { log } = await this.#request();
    const found = log.topic(topic);
    if (found === undefined) throw topicUnknown(topic);
    return found.partitions.map(({ start, records }, partition) => {
      return { partition, earliest: start, latest: start + BigInt(records.length) };
    });
  }

  async fetch(wants: readonly StoreWant[]): Promise<readonly StoreFound[]> {
    const { log } = await this.#request();
    return wants.map(({ topicId, topic, partition, offset, maxBytes }) => {
      const found = log.topic(topic)?.topicId === topicId ? log.partition(topic, partition) : undefined;
      if (found === undefined) return undefined;
      const { start } = found;
      const end = start + BigInt(found.records.length);
      const records = offset < start || offset > end ? [] : log.slice(topic, partition, offset, maxBytes);
      const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      return { start, end, records, bytes, nextOffset: offset + BigInt(records.length) };
    });
  }

  async makeGroup(groupId: string): Promise<void> {
    const { groups } = await this.#request();
    if (groups.has(groupId)) return;
    const empty = { version: 0n, generation: 0n, rebalancing: false };
    groups.set(groupId, { ...empty, members: new Map(), offsets: new Map() });
  }

  async readGroup(
    groupId: string,
    memberId: string,
    topics: readonly string[],
  ): Promise<GroupState | undefined> {
    const { log, groups } = await this.#request();
    const group = groups.get(groupId);
    if (group === undefined) return undefined;
    this.#see(group, memberId);
    const { version, generation } = group;
    const members = [...group.members.values()].map((member) => {
      return { ...member, expired: member.id !== memberId && this.#isExpired(member) };
    });
    const names = [...topics, ...members.flatMap((member) => member.topics)];
    const partitions = new Map(names.map((name) => [name, log.topic(name)?.partitions.length ?? 0]));
    return { version, generation, members, partitions };
  }

  async changeGroup(
    groupId: string,
    version: bigint,
    { removed, members, completes }: GroupChange,
  ): Promise<boolean> {
    const { groups, clock } = await this.#request();
    const group = groups.get(groupId);
    if (group?.version !== version) return false;
    for (const id of removed) group.members.delete(id);
    for (const member of members) group.members.set(member.id, { ...member, seenAt: clock.monotonic() });
    if (completes) group.generation += 1n;
    this.#changed(groupId, group, !completes);
    return true;
  }

  async heartbeat(groupId: string, memberId: string, generation: number): Promise<HeartbeatAnswer> {
    const { groups } = await this.#request();
    const group = groups.get(groupId);
    if (group === undefined || !this.#see(group, memberId)) return 'lost';
    const isOver =
      group.rebalancing ||
      group.generation !== BigInt(generation) ||
      [...group.members.values()].some((member) => this.#isExpired(member));
    return isOver ? 'rebalance' : 'member';
  }

  async leave(groupId: string, memberId: string): Promise<void> {
    const { groups } = await this.#request();
    const group = groups.get(groupId);
    if (group?.members.delete(memberId) === true) this.#changed(groupId, group, true);
  }

  async commitOffsets({ groupId, memberId, generation, offsets }: StoreCommit): Promise<boolean> {
    const { groups } = await this.#request();
    const group = groups.get(groupId);
    if (group?.members.has(memberId) !== true || group.generation !== BigInt(generation)) return false;
    for (const { topicId, partition, offset } of offsets)
      group.offsets.set(partitionId(topicId, partition), offset);
    return true;
  }

  async readCommitted(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    const { log, groups } = await this.#request();
    const { topicId = '', partitions = [] } = log.topic(topic) ?? {};
    const committed = new Map<number, bigint>();
    for (const partition of partitions.keys()) {
      const offset = groups.get(groupId)?.offsets.get(partitionId(topicId, partition));
      if (offset !== undefined) committed.set(partition, offset);
    }
    return committed;
  }

  async readMembers(groupId: string): Promise<readonly GroupMember[]> {
    const { groups } = await this.#request();
    const group = groups.get(groupId);
    const alive = [...(group?.members.values() ?? [])].filter((member) => !this.#isExpired(member));
    return alive
      .map(({ id, assigned }): GroupMember => {
        const partitions: readonly Assignment[] = group?.rebalancing === true ? [] : assigned;
        return { id, host: undefined, partitions };
      })
      .sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  close(): void {
    // Nothing is open.
  }

  async #request(): Promise<MemoryStoreParts> {
    await Promise.resolve();
    this.#parts.reach();
    return this.#parts;
  }

  #changed(groupId: string, group: Group, rebalancing: boolean): void {
    group.version += 1n;
    group.rebalancing = rebalancing;
    this.#parts.log.waiters.wake([groupSubject(groupId)]);
  }

  /** Notes that a member is heard of. False: the group does not have it. */
  #see({ members }: Group, memberId: string): boolean {
    const member = members.get(memberId);
    if (member !== undefined) member.seenAt = this.#parts.clock.monotonic();
    return member !== undefined;
  }

  #isExpired({ seenAt, sessionMs }: Member): boolean {
    return this.#parts.clock.monotonic() - seenAt > sessionMs;
  }
}
