import type { Clock } from '@convergekit/core';
import type { Assignment, GroupMember } from '../broker.ts';
import { assignPartitions } from '../group/assignor.ts';
import type { Membership } from '../group/link.ts';

interface Member {
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  heardAt: number;
  joining: ((membership: Membership) => void) | undefined;
  assigned: readonly Assignment[];
}

/** A group coordinator with eager rebalances, as Kafka's classic protocol. */
export class MemoryGroup {
  readonly #members = new Map<string, Member>();
  readonly #committed = new Map<string, Map<number, bigint>>();
  readonly #partitionsOf: (topic: string) => number;
  readonly #clock: Clock;
  #generation = 0;
  #memberCount = 0;
  #state: 'stable' | 'rebalancing' = 'stable';

  constructor(partitionsOf: (topic: string) => number, clock: Clock) {
    this.#partitionsOf = partitionsOf;
    this.#clock = clock;
  }

  join(
    memberId: string | undefined,
    topics: readonly string[],
    sessionTimeoutMs: number,
  ): Promise<Membership> & { id: string } {
    this.#expire();
    const id =
      memberId !== undefined && this.#members.has(memberId) ? memberId : `member-${(this.#memberCount += 1)}`;
    const { promise, resolve } = Promise.withResolvers<Membership>();
    this.#members.set(id, {
      topics,
      sessionTimeoutMs,
      heardAt: this.#clock.monotonic(),
      joining: resolve,
      assigned: [],
    });
    this.#state = 'rebalancing';
    this.#complete();
    return Object.assign(promise, { id });
  }

  heartbeat(memberId: string, generation: number): 'member' | 'rebalance' | 'lost' {
    const member = this.#members.get(memberId);
    if (member === undefined) return 'lost';
    member.heardAt = this.#clock.monotonic();
    this.#expire();
    return this.#state === 'rebalancing' || generation !== this.#generation ? 'rebalance' : 'member';
  }

  leave(memberId: string): void {
    if (!this.#members.delete(memberId)) return;
    this.#state = 'rebalancing';
    this.#complete();
  }

  isMember(memberId: string, generation: number): boolean {
    this.#expire();
    return this.#members.has(memberId) && generation === this.#generation;
  }

  commit(place: Assignment, offset: bigint): void {
    const offsets = this.#committed.get(place.topic) ?? new Map<number, bigint>();
    this.#committed.set(place.topic, offsets.set(place.partition, offset));
  }

  committed(topic: string): ReadonlyMap<number, bigint> {
    return this.#committed.get(topic) ?? new Map<number, bigint>();
  }

  members(): readonly GroupMember[] {
    this.#expire();
    const rebalances = this.#state === 'rebalancing';
    return [...this.#members]
      .map(([id, { assigned }]) => ({ id, host: undefined, partitions: rebalances ? [] : assigned }))
      .sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  /** Removes all members, as after a time-out of every session; they notice at their next heartbeat. */
  evictAll(): void {
    this.#members.clear();
    this.#generation += 1;
    this.#state = 'stable';
  }

  #expire(): void {
    for (const [id, member] of this.#members) {
      // A member that waits in a join sends no heartbeats.
      if (member.joining !== undefined || this.#clock.monotonic() - member.heardAt <= member.sessionTimeoutMs)
        continue;
      this.#members.delete(id);
      this.#state = 'rebalancing';
    }
    this.#complete();
  }

  /** Ends the rebalance once every member has joined again. */
  #complete(): void {
    const members = [...this.#members];
    if (this.#state === 'stable') return;
    const silent = members.filter(([, member]) => member.joining === undefined);
    if (silent.length > 0) {
      // A member that waits in a join is silent too: only a timer can detect that a member is gone.
      const expiries = silent.map(([, member]) => member.heardAt + member.sessionTimeoutMs);
      void this.#clock.sleep(Math.min(...expiries) + 1 - this.#clock.monotonic()).then(() => this.#expire());
      return;
    }
    this.#state = 'stable';
    this.#generation += 1;
    const assignment = assignPartitions(
      members.map(([id, member]) => ({ id, topics: member.topics })),
      this.#partitionsOf,
    );
    for (const [id, member] of members) {
      member.heardAt = this.#clock.monotonic();
      member.assigned = assignment.get(id) ?? [];
      member.joining?.({ memberId: id, generation: this.#generation, assigned: member.assigned });
      member.joining = undefined;
    }
  }
}
