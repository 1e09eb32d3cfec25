import { START } from '@convergekit/contracts/engine';
import type { Cursor, CursorRecord, TopicRecord } from '../leader/takeover-sql.ts';
import { Flow, type FlowState, type Halt } from './flow-state.ts';
import type { Lane } from './lane.ts';
import { PartitionQueue } from './partition-queue.ts';

/** A topic of the source with its partitions. Only the Backlog halts topics, because a halt drops events. */
export class Topic {
  readonly name: string;
  /** The name as bytes, to find the topic of a row without creating a string. */
  readonly nameBytes: Buffer;
  readonly flow: Flow;
  /** The broker's limit of a record, as this leader wrote it for emits. */
  maxBytes: number | undefined;
  #isVerified = false;
  #topicId: string | undefined;
  #queues: readonly PartitionQueue[] = [];

  constructor(name: string, state?: FlowState) {
    this.name = name;
    this.nameBytes = Buffer.from(name);
    this.flow = new Flow(state);
  }

  /** Creates a topic from a takeover's facts. */
  static of(
    { topic: name, partitions = 0, heldAt, heldReason, topicId }: TopicRecord,
    cursors: readonly CursorRecord[],
  ): Topic {
    const topic = new Topic(name, heldAt === undefined ? undefined : haltedBefore(heldAt, heldReason ?? ''));
    topic.#topicId = topicId;
    const found = new Map(cursors.map((cursor) => [cursor.partition, cursor]));
    topic.#queues = Array.from({ length: partitions }, (_, partition) => {
      const cursor = found.get(partition);
      return new PartitionQueue(name, partition, cursor ?? START, cursor?.save);
    });
    return topic;
  }

  get state(): FlowState {
    return this.flow.state;
  }

  /** True when this leadership compared the partition count with the broker's. */
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

  /** True when nothing is queued, and no partition is behind the others. */
  get isIdle(): boolean {
    return this.#queues.every(({ size, state }) => size === 0 && state.kind === 'flowing');
  }

  /** Partitions whose log could not be compared with the database: nothing may be sent to them. */
  get unread(): readonly PartitionQueue[] {
    return this.#queues.filter(({ unread }) => unread !== undefined);
  }

  /** True when events may be sent to the topic. */
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

  /** Sets the broker's id of the topic, as recorded now. */
  identify(topicId: string | undefined): void {
    this.#topicId = topicId;
  }

  /** Opens partitions that were recorded for the first time. */
  open(cursors: readonly Cursor[]): void {
    this.#queues = cursors.map((cursor, partition) => new PartitionQueue(this.name, partition, cursor));
  }

  /** Adds empty partitions; the others keep their cursors. */
  grow(partitions: number): void {
    const { length } = this.#queues;
    const added = Array.from({ length: partitions - length }, (_, at) => {
      return new PartitionQueue(this.name, length + at, START);
    });
    this.#queues = [...this.#queues, ...added];
  }

  /** The lane that reads this partition now. */
  laneOf({ state }: PartitionQueue, main: Lane): Lane | undefined {
    const lane = laneOf(this.state, main);
    return state.kind === 'flowing' || lane === undefined ? lane : laneOf(state, lane);
  }

  /** True when this lane reads a partition of the topic. */
  isReadBy(lane: Lane, main: Lane): boolean {
    return (
      laneOf(this.state, main) === lane || this.#queues.some((queue) => this.laneOf(queue, main) === lane)
    );
  }

  /** Returns the first window that may miss an event in the log: reading begins there after a halt. */
  heldAt(main: Lane): bigint {
    return [this, ...this.heldPartitions]
      .map(({ state }) => heldAtOf(state, main))
      .reduce((lowest, at) => (at < lowest ? at : lowest));
  }
}

/** True while no topic and no partition is held, and none catches up. */
export function doAllFlow(topics: readonly Topic[]): boolean {
  return topics.every(({ state, heldPartitions }) => state.kind === 'flowing' && heldPartitions.length === 0);
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

/** Returns the first window that may miss an event in the log, for a flow in this state. */
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
    missed: 'unknown',
    recheckAt: 0,
    written: true,
  };
}

/** Formats a halt for held_reason: `CODE: detail`. */
export function haltText({ code, detail }: Halt): string {
  return `${code}: ${detail}`;
}

function haltOf(text: string): Halt {
  const at = text.indexOf(': ');
  return at < 0 ? { code: text, detail: '' } : { code: text.slice(0, at), detail: text.slice(at + 2) };
}
