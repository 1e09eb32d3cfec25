import { type Cursor, startCursor } from './cursor.ts';
import type { Lane } from './lane.ts';
import { PartitionQueue } from './partition-queue.ts';

/** Why a topic waits, in words that stand in the log, in `status()` and in converge.relay_topic.held_reason. */
export interface Halt {
  readonly code: string;
  readonly detail: string;
}

/**
 * flowing      read by the main lane, counted by done_tick
 *    ↓ halt
 * halted       nothing is read; `heldAt` is the first window that may miss events of this topic
 *    ↓ mended
 * catching_up  read by a lane of its own from heldAt on
 *    ↓ that lane reached the main lane, at a tick boundary
 * joining      read by the main lane again, while its own lane's events are still on their way
 *    ↓ all of them are in the log and the cursors saved
 * flowing
 */
export type TopicState =
  | { readonly kind: 'flowing' }
  | {
      readonly kind: 'halted';
      readonly heldAt: bigint;
      readonly halt: Halt;
      readonly sinceMs: number;
      /** Monotonic time of the next look. */
      recheckAt: number;
      /** It stands in the database: done_tick may pass heldAt. */
      written: boolean;
    }
  | { readonly kind: 'catching_up' | 'joining'; readonly lane: Lane };

export class Topic {
  readonly name: string;
  /** To find the topic of a row without making a text of it. */
  readonly nameBytes: Buffer;
  state: TopicState;
  /** Looks at a halted topic since it last flowed: the pause between them grows. */
  rechecks = 0;
  /** Its partition count was compared with the broker's in this leadership. */
  verified = false;
  /** Its log was compared with the database in this leadership, or nothing was ever sent to it. Else nothing may be sent. */
  isCompared = true;
  /** Events of it that it was halted for: with `none`, its hold moves on. `unknown`: a leader before this one halted it. */
  missed: 'none' | 'some' | 'unknown' = 'none';
  /** The broker's id on record. */
  topicId: string | undefined;
  #queues: readonly PartitionQueue[] = [];

  constructor(name: string, state: TopicState) {
    this.name = name;
    this.nameBytes = Buffer.from(name);
    this.state = state;
  }

  /** Partitions on record; 0 when the topic was never found. */
  get partitions(): number {
    return this.#queues.length;
  }

  /** Whether windows before this leadership held events of it that are missing; what was read since is known already. */
  missedBefore(some: boolean): void {
    if (this.missed === 'unknown') this.missed = some ? 'some' : 'none';
  }

  /** The id counts once something was sent: until then a topic may be made again as often as one likes. */
  get known(): { readonly partitions: number; readonly topicId: string | undefined } {
    const isSent = this.#queues.some(({ cursor }) => cursor.tick > 0n);
    return { partitions: this.partitions, topicId: isSent ? this.topicId : undefined };
  }

  get queues(): readonly PartitionQueue[] {
    return this.#queues;
  }

  open(cursors: readonly Cursor[]): void {
    this.#queues = cursors.map((cursor, partition) => new PartitionQueue(this.name, partition, cursor));
  }

  /** More partitions, empty so far; the others keep their cursors. */
  grow(partitions: number): void {
    const { length } = this.#queues;
    const added = Array.from({ length: partitions - length }, (_, at) => {
      return new PartitionQueue(this.name, length + at, startCursor());
    });
    this.#queues = [...this.#queues, ...added];
  }

  /** The lane that reads this topic now. */
  laneOf(main: Lane): Lane | undefined {
    switch (this.state.kind) {
      case 'flowing':
      case 'joining':
        return main;
      case 'catching_up':
        return this.state.lane;
      case 'halted':
        return undefined;
    }
  }

  /** The first window of which an event may be missing in the log: where reading must begin again after a halt. */
  heldAt(main: Lane): bigint {
    switch (this.state.kind) {
      case 'flowing':
        return main.done + 1n;
      case 'halted':
        return this.state.heldAt;
      case 'catching_up':
      case 'joining':
        return this.state.lane.done + 1n;
    }
  }
}
