import { type Cursor, startCursor } from '../cursor/cursor.ts';
import { type FlowState, heldAtOf, laneOf } from './flow-state.ts';
import type { Lane } from './lane.ts';
import { PartitionQueue } from './partition-queue.ts';

export class Topic {
  readonly name: string;
  /** To find the topic of a row without making a text of it. */
  readonly nameBytes: Buffer;
  state: FlowState;
  /** Looks at a halted topic since it last flowed: the pause between them grows. */
  rechecks = 0;
  /** Its partition count was compared with the broker's in this leadership. */
  verified = false;
  /** Events of it that it was halted for: with `none`, its hold moves on. `unknown`: a leader before this one halted it. */
  missed: 'none' | 'some' | 'unknown' = 'none';
  /** The broker's id on record. */
  topicId: string | undefined;
  #queues: readonly PartitionQueue[] = [];

  constructor(name: string, state: FlowState) {
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

  /** Partitions whose log could not be compared with the database: nothing may be sent to them. */
  get unread(): readonly PartitionQueue[] {
    return this.#queues.filter(({ unread }) => unread !== undefined);
  }

  /** Something may be sent to it. */
  get isCompared(): boolean {
    return this.partitions === 0 || this.unread.length < this.partitions;
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

  /** Partitions that are set apart, or on their way back; the others go as the topic goes. */
  get apart(): readonly PartitionQueue[] {
    return this.#queues.filter(({ state }) => state.kind !== 'flowing');
  }

  /** The lane that reads this topic now. */
  laneOf(main: Lane): Lane | undefined {
    return laneOf(this.state, main);
  }

  /** The lane that reads this partition now. */
  laneOfQueue({ state }: PartitionQueue, main: Lane): Lane | undefined {
    const lane = this.laneOf(main);
    return state.kind === 'flowing' || lane === undefined ? lane : laneOf(state, lane);
  }

  /** Whether some partition of it is read by this lane. */
  isReadBy(lane: Lane, main: Lane): boolean {
    return this.laneOf(main) === lane || this.#queues.some((queue) => this.laneOfQueue(queue, main) === lane);
  }

  /** The first window of which an event may be missing in the log: where reading must begin again after a halt. */
  heldAt(main: Lane): bigint {
    let held = heldAtOf(this.state, main);
    for (const { state } of this.#queues) {
      if (state.kind === 'flowing') continue;
      const at = heldAtOf(state, main);
      if (at < held) held = at;
    }
    return held;
  }
}
