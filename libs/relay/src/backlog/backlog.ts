import { LineLimit } from '@convergekit/telemetry/engine';
import type { Takeover } from '../leader/takeover-sql.ts';
import type { RelaySettings } from '../options.ts';
import type { Halt, Halted } from './flow-state.ts';
import type { Lane, OpenWindow } from './lane.ts';
import type { Amount, PartitionQueue, Unsaved } from './partition-queue.ts';
import { heldAtOf, Topic } from './topic.ts';

export interface BacklogParts {
  readonly settings: Pick<
    RelaySettings,
    'clock' | 'log' | 'readAheadBytes' | 'readAheadEvents' | 'recheckMs'
  >;
  readonly takeover: Pick<Takeover, 'cursors' | 'topics'>;
  /** The lane of what flows. */
  readonly main: Lane;
  /** Called after each halt, which makes room and whose hold must be written. */
  readonly onHalt: () => void;
}

/**
 * The events of a leadership that are read but not acknowledged, and the flow of each topic. The backlog owns the
 * counters and sets over all partitions: a change of a counter or set together with a topic or a partition is a method
 * here. Invariants after each method (backlog.test.ts):
 * - `events` and `bytes` are those of all queues, and `ready` are the queues that hold some;
 * - what is halted holds no event, and under a halted topic no partition is held by itself;
 * - a partition whose log could not be compared with the database is halted, or its topic is;
 * - a cursor that moved is unsaved until it was taken to be saved.
 */
export class Backlog {
  readonly main: Lane;
  readonly #settings: BacklogParts['settings'];
  readonly #onHalt: () => void;
  readonly #topics = new Map<string, Topic>();
  readonly #ready = new Set<PartitionQueue>();
  /** Partitions whose cursor moved, the first of them first, with the time. */
  readonly #unsaved = new Map<PartitionQueue, number>();
  readonly #lines: LineLimit;
  #events = 0;
  #bytes = 0;
  #acknowledged = 0;
  #waitingSince = 0;

  constructor({ settings, takeover, main, onHalt }: BacklogParts) {
    this.main = main;
    this.#settings = settings;
    this.#onHalt = onHalt;
    this.#lines = new LineLimit(settings.clock);
    const cursors = Map.groupBy(takeover.cursors, ({ topic }) => topic);
    for (const record of takeover.topics)
      this.#topics.set(record.topic, Topic.of(record, cursors.get(record.topic) ?? []));
  }

  get topics(): readonly Topic[] {
    return [...this.#topics.values()];
  }

  get events(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Partitions with something to send, the longest waiting first. */
  get ready(): ReadonlySet<PartitionQueue> {
    return this.#ready;
  }

  /** The monotonic time since when events wait without a break; undefined: none waits. */
  get waitingSince(): number | undefined {
    return this.#events > 0 ? this.#waitingSince : undefined;
  }

  /** The events that moved unsaved cursors, and the monotonic time of the first of them. */
  get unsaved(): { readonly events: number; readonly since: number | undefined } {
    return { events: this.#acknowledged, since: this.#unsaved.values().next().value };
  }

  get isFull(): boolean {
    const { readAheadEvents, readAheadBytes } = this.#settings;
    return this.#events >= readAheadEvents || this.#bytes >= readAheadBytes;
  }

  /** A page that is arriving must wait: it is larger than events were so far. */
  get isOverfull(): boolean {
    return this.#bytes >= this.#settings.readAheadBytes + this.pageBytes;
  }

  /** Bytes of one statement at most. */
  get pageBytes(): number {
    return this.#settings.readAheadBytes / 4;
  }

  /** The last send to some partition failed. */
  get isFailing(): boolean {
    return this.topics.some(({ queues }) => queues.some(({ health }) => health.kind === 'failing'));
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  /** Adds a topic that was never seen: it flows, and is not verified. */
  add(name: string): Topic {
    const topic = new Topic(name);
    this.#topics.set(name, topic);
    return topic;
  }

  /** An operator made the relay forget a halted topic. */
  forget(topic: Topic): void {
    this.#topics.delete(topic.name);
    for (const queue of topic.queues) this.#unsaved.delete(queue);
  }

  /** An event was appended to the batch that `queue.open` gave. */
  push(queue: PartitionQueue, id: number, window: OpenWindow, epoch: number): void {
    this.#bytes += queue.push(id, window, epoch);
    if (this.#events === 0) this.#waitingSince = this.#settings.clock.monotonic();
    this.#events += 1;
    if (queue.size === 1) this.#ready.add(queue);
  }

  /** Moves the queues that were sent to the end: other queues are sent first next time. */
  rotate(queues: Iterable<PartitionQueue>): void {
    for (const queue of queues) if (this.#ready.delete(queue)) this.#ready.add(queue);
  }

  /** Records that a queue's first batch is in the log; undefined: it was dropped in flight, and is sent once more. */
  acknowledge(queue: PartitionQueue, generation: number): Amount | undefined {
    if (generation !== queue.generation) return undefined;
    const amount = queue.acknowledge();
    this.#bytes -= amount.bytes;
    this.#events -= amount.events;
    this.#acknowledged += amount.events;
    if (queue.size === 0) this.#ready.delete(queue);
    if (!this.#unsaved.has(queue)) this.#unsaved.set(queue, this.#settings.clock.monotonic());
    return amount;
  }

  /** Sends the failed batch again as two. */
  split(queue: PartitionQueue, records: number): void {
    this.#bytes += queue.split(records);
  }

  /** Takes the cursors that moved. The next leader sends again what stays unsaved. */
  takeUnsaved(): readonly Unsaved[] {
    const taken = [...this.#unsaved.keys()].map((queue) => ({ queue, cursor: queue.cursorToSave() }));
    this.#unsaved.clear();
    this.#acknowledged = 0;
    return taken;
  }

  /** Halts a topic. Queued events are dropped, and read again from the cursors after the halt. */
  halt(topic: Topic, halt: Halt): void {
    const { state } = topic;
    const heldAt = topic.heldAt(this.main);
    const isHalted = state.kind === 'halted';
    const missed = isHalted ? state.missed : state.kind === 'flowing' && topic.isIdle ? 'none' : 'some';
    for (const queue of topic.queues) {
      this.#drop(queue);
      queue.flow.follow();
    }
    const written = isHalted && state.written && state.halt.code === halt.code;
    topic.flow.halt({ ...this.#haltedNow(halt, heldAt), missed, written });
    this.recheckLater(topic);
    const note = this.#lines.take(halt.code);
    if (note !== undefined)
      this.#settings.log.error(
        { topic: topic.name, code: halt.code, heldAt: heldAt.toString(), ...note },
        `topic ${topic.name} is halted (${halt.code}): ${halt.detail}. Other topics flow; this one continues by itself, in order, when the cause is gone.`,
      );
    this.#onHalt();
  }

  /** Halts one partition, as `halt` does with a topic: the others of its topic flow. */
  haltPartition(topic: Topic, queue: PartitionQueue, why: Halt): void {
    if (topic.state.kind === 'halted') return;
    const { partition, unread, isProbe } = queue;
    // The partition flows as its topic does, unless it is on a separate lane. A partition that joins still has events
    // on the lane that it leaves.
    const heldAt = heldAtOf(queue.state.kind === 'flowing' ? topic.state : queue.state, this.main);
    // A partition that is compared later is no probe: nothing shows that it takes no records.
    this.#drop(queue, unread === undefined);
    queue.flow.halt(this.#haltedNow(unread ?? why, heldAt));
    this.recheckLater(queue);
    if (!isProbe)
      this.#settings.log.error(
        { topic: topic.name, partition, code: why.code, heldAt: heldAt.toString() },
        `partition ${partition} of topic ${topic.name} is halted (${why.code}): ${why.detail}. Everything else flows; it continues by itself, in order, when the cause is gone.`,
      );
    this.#onHalt();
  }

  /** Records which of the compared partitions of a topic could not be read, and halts those. */
  noteUnread(
    topic: Topic,
    compared: readonly PartitionQueue[],
    whyUnread: (queue: PartitionQueue) => Halt | undefined,
  ): void {
    for (const queue of compared) queue.unread = whyUnread(queue);
    this.#haltUnread(topic);
  }

  /** The cause of a halt is gone: a lane of its own reads what was held. False: it was halted anew meanwhile. */
  catchUp(topic: Topic, holder: PartitionQueue | Topic, halted: Halted, lane: Lane): boolean {
    const caughtUp = holder.flow.catchUp(halted, lane);
    this.#haltUnread(topic);
    return caughtUp;
  }

  /** Halts a topic, sent up to window `heldAt` with its old partition count, until it has the new count. */
  endDrain(topic: Topic, halt: Halt, heldAt: bigint): void {
    for (const queue of topic.queues) queue.flow.follow();
    // Windows behind the drain were passed without this topic.
    const recheckAt = this.#settings.clock.monotonic();
    topic.flow.halt({ ...this.#haltedNow(halt, heldAt), recheckAt, written: true });
  }

  /** Rechecks what is halted after a pause, which doubles each time; `soon`: after the first pause. */
  recheckLater({ flow }: PartitionQueue | Topic, soon = false): void {
    const { clock, recheckMs } = this.#settings;
    flow.recheck(clock.monotonic() + recheckMs * (soon ? 1 : Math.min(30, 2 ** flow.rechecks)));
  }

  #haltUnread(topic: Topic): void {
    if (topic.state.kind === 'halted') return;
    for (const queue of topic.unread) {
      if (queue.unread === undefined || queue.state.kind === 'halted') continue;
      if (topic.isCompared) this.haltPartition(topic, queue, queue.unread);
      else return this.halt(topic, queue.unread);
    }
  }

  #haltedNow(halt: Halt, heldAt: bigint): Halted {
    return { kind: 'halted', heldAt, halt, missed: 'some', recheckAt: 0, written: false };
  }

  #drop(queue: PartitionQueue, toProbe = false): void {
    const dropped = queue.drop(toProbe);
    this.#events -= dropped.events;
    this.#bytes -= dropped.bytes;
    this.#ready.delete(queue);
  }
}
