import { type Cursor, startCursor } from '../cursor/cursor.ts';
import type { CursorRecord, TopicRecord } from '../leader/takeover-sql.ts';
import { Flow, type FlowState, type Halt } from './flow-state.ts';
import type { Lane } from './lane.ts';
import { PartitionQueue } from './partition-queue.ts';

/** A topic of the source with its partitions. Halts are its Backlog's: they drop events. */
export class Topic {
  readonly name: string;
  /** To find the topic of a row without making a text of it. */
  readonly nameBytes: Buffer;
  readonly flow: Flow;
  #isVerified = false;
  #topicId: string | undefined;
  #queues: readonly PartitionQueue[] = [];

  constructor(name: string, state?: FlowState) {
    this.name = name;
    this.nameBytes = Buffer.from(name);
    this.flow = new Flow(state);
  }

  /** As a takeover found it. */
  static of(
    { topic: name, partitions = 0, heldAt, heldReason, topicId }: TopicRecord,
    cursors: readonly CursorRecord[],
  ): Topic {
    const topic = new Topic(name, heldAt === undefined ? undefined : haltedBefore(heldAt, heldReason ?? ''));
    topic.#topicId = topicId;
    const found = new Map(cursors.map((cursor) => [cursor.partition, cursor]));
    topic.#queues = Array.from({ length: partitions }, (_, partition) => {
      const cursor = found.get(partition);
      return new PartitionQueue(name, partition, cursor ?? startCursor(), cursor?.save);
    });
    return topic;
  }

  get state(): FlowState {
    return this.flow.state;
  }

  /** Its partition count was compared with the broker's in this leadership. */
  get isVerified(): boolean {
    return this.#isVerified;
  }

  /** The broker's id on record. */
  get topicId(): string | undefined {
    return this.#topicId;
  }

  /** Partitions on record; 0 when the topic was never found. */
  get partitions(): number {
    return this.#queues.length;
  }

  /** The id counts once something was sent: until then a topic may be recreated freely. */
  get known(): { readonly partitions: number; readonly topicId: string | undefined } {
    const isSent = this.#queues.some(({ cursor }) => cursor.tick > 0n);
    return { partitions: this.partitions, topicId: isSent ? this.#topicId : undefined };
  }

  get queues(): readonly PartitionQueue[] {
    return this.#queues;
  }

  /** Nothing is queued, and no partition is behind the others. */
  get isIdle(): boolean {
    return this.#queues.every(({ size, state }) => size === 0 && state.kind === 'flowing');
  }

  /** Partitions whose log could not be compared with the database: nothing may be sent to them. */
  get unread(): readonly PartitionQueue[] {
    return this.#queues.filter(({ unread }) => unread !== undefined);
  }

  /** Something may be sent to it. */
  get isCompared(): boolean {
    return this.partitions === 0 || this.unread.length < this.partitions;
  }

  /** Partitions that are held by themselves; the others go as the topic goes. */
  get heldPartitions(): readonly PartitionQueue[] {
    return this.#queues.filter(({ state }) => state.kind !== 'flowing');
  }

  verify(): void {
    this.#isVerified = true;
  }

  /** The broker's id as it is on record now. */
  identify(topicId: string | undefined): void {
    this.#topicId = topicId;
  }

  /** Its partitions were recorded for the first time. */
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

  /** The lane that reads this partition now. */
  laneOf({ state }: PartitionQueue, main: Lane): Lane | undefined {
    const lane = laneOf(this.state, main);
    return state.kind === 'flowing' || lane === undefined ? lane : laneOf(state, lane);
  }

  /** Whether some partition of it is read by this lane. */
  isReadBy(lane: Lane, main: Lane): boolean {
    return (
      laneOf(this.state, main) === lane || this.#queues.some((queue) => this.laneOf(queue, main) === lane)
    );
  }

  /** The first window of which an event may be missing in the log: where reading must begin again after a halt. */
  heldAt(main: Lane): bigint {
    return [this, ...this.heldPartitions]
      .map(({ state }) => heldAtOf(state, main))
      .reduce((lowest, at) => (at < lowest ? at : lowest));
  }
}

/** The lane that reads what is in this state; `main` reads what flows. */
function laneOf(state: FlowState, main: Lane): Lane | undefined {
  switch (state.kind) {
    case 'flowing':
    case 'joining':
      return main;
    case 'catching_up':
      return state.lane;
    case 'halted':
      return undefined;
  }
}

/** The first window of which an event may be missing in the log, for what is in this state. */
export function heldAtOf(state: FlowState, main: Lane): bigint {
  switch (state.kind) {
    case 'flowing':
      return main.done + 1n;
    case 'halted':
      return state.heldAt;
    case 'catching_up':
    case 'joining':
      return state.lane.done + 1n;
  }
}

function haltedBefore(heldAt: bigint, reason: string): FlowState {
  return {
    kind: 'halted',
    heldAt,
    halt: haltOf(reason),
    sinceMs: 0,
    missed: 'unknown',
    recheckAt: 0,
    written: true,
  };
}

/** A halt as it stands in held_reason: `CODE: detail`. */
export function haltText({ code, detail }: Halt): string {
  return `${code}: ${detail}`;
}

function haltOf(text: string): Halt {
  const at = text.indexOf(': ');
  return at < 0 ? { code: text, detail: '' } : { code: text.slice(0, at), detail: text.slice(at + 2) };
}
