import { formatPosition } from '@convergekit/contracts';
import type { CopyExecutor } from '@convergekit/postgres/engine';
import type { Executor } from '@convergekit/postgres';
import { type Cursor, startCursor } from '../cursor/cursor.ts';
import { Encoder, type SourceIdentity } from '../batch/encode.ts';
import type { Ending } from './ending.ts';
import { FLOWING, type FlowState, type Halt, heldAtOf } from '../backlog/flow-state.ts';
import { Lane } from '../backlog/lane.ts';
import type { Fence, Takeover } from './takeover-sql.ts';
import type { LeaseMargin } from './lease-loop.ts';
import type { RelaySettings } from '../options.ts';
import type { PartitionQueue } from '../backlog/partition-queue.ts';
import type { ForgedRecord } from '../log-check/tail.ts';
import { Topic } from '../backlog/topic.ts';
import type { Tick } from '../window/tick.ts';
import { Wake } from './wake.ts';

/** What outlives a leadership. */
export interface Totals {
  published: number;
  /** Monotonic time of the last warning at the commit of a tick. */
  tickWarnedAt?: number;
}

export interface LeadershipParts {
  readonly settings: RelaySettings;
  readonly takeover: Takeover;
  readonly ending: Ending;
  readonly margin: LeaseMargin;
  readonly totals: Totals;
  /** The window after which this leadership begins, and the lowest id that a later one can have. */
  readonly done: Tick;
  readonly lowestId: bigint;
  /** Two connections of one's own: a read that takes long must not hold back a settle. */
  readonly reads: CopyExecutor;
  readonly writes: Executor;
}

/** What the loops of one leadership share. All of it ends with the leadership; nothing here is kept for the next one. */
export class Leadership {
  readonly settings: RelaySettings;
  readonly ending: Ending;
  readonly margin: LeaseMargin;
  readonly totals: Totals;
  readonly reads: CopyExecutor;
  readonly writes: Executor;
  readonly term: bigint;
  readonly epoch: number;
  readonly source: SourceIdentity;
  /** On every series of this source: one process may serve several. */
  readonly label: { readonly source: string };
  readonly fence: Fence;
  /** done_tick at the takeover: windows up to it were read by leaders before. */
  readonly begunAt: bigint;
  readonly encoder: Encoder;
  readonly main: Lane;
  readonly topics = new Map<string, Topic>();
  /** Partitions with something to send, the longest waiting first. */
  readonly ready = new Set<PartitionQueue>();
  /** Partitions whose cursor moved since it was saved. */
  readonly dirty = new Set<PartitionQueue>();
  /** Wakes the send loop, the read loop when there is room again, and the settle loop. */
  readonly work: Wake;
  readonly room: Wake;
  readonly acked: Wake;
  unsettled = 0;
  /** Where the row with done_tick was written last, for finding it again. */
  sourceAt: string | undefined;
  queuedEvents = 0;
  queuedBytes = 0;
  /** Why the broker is not taking anything at the moment. */
  brokerTrouble: string | undefined;

  /** Records in this source's name that it cannot have written, as `topic/partition@offset: why`. */
  readonly forged = new Set<string>();

  constructor(parts: LeadershipParts) {
    const { settings, takeover } = parts;
    this.settings = settings;
    this.ending = parts.ending;
    this.margin = parts.margin;
    this.totals = parts.totals;
    this.reads = parts.reads;
    this.writes = parts.writes;
    this.term = takeover.term;
    this.epoch = takeover.source.epoch;
    this.source = takeover.source;
    this.fence = { lease: settings.lease, term: takeover.term };
    this.begunAt = takeover.doneTick;
    const name = settings.source ?? takeover.source.name;
    this.label = { source: name };
    this.encoder = new Encoder({ ...takeover.source, name }, settings.signingKey);
    this.main = new Lane(undefined, parts.done, parts.lowestId);
    this.work = new Wake(settings.clock);
    this.room = new Wake(settings.clock);
    this.acked = new Wake(settings.clock);
    for (const record of takeover.topics) this.topics.set(record.topic, topicOf(record, takeover));
    parts.ending.onEnd(() => {
      this.work.notify();
      this.room.notify();
      this.acked.notify();
    });
  }

  get full(): boolean {
    return (
      this.queuedEvents >= this.settings.readAheadEvents || this.queuedBytes >= this.settings.readAheadBytes
    );
  }

  /** A page that is arriving must wait: it is larger than events were so far. */
  get overfull(): boolean {
    return this.queuedBytes >= this.settings.readAheadBytes + this.pageBytes;
  }

  /** Bytes of one statement at most. */
  get pageBytes(): number {
    return this.settings.readAheadBytes / 4;
  }

  deposed(detail: string): void {
    this.ending.end({ kind: 'deposed', detail });
  }

  sawForged(
    records: readonly (ForgedRecord & { readonly topic: string; readonly partition: number })[],
  ): void {
    for (const { topic, partition, offset, position, why } of records)
      this.forged.add(
        `${topic}/${partition} at offset ${offset}, position ${formatPosition(position, position.nonce)}: ${why}`,
      );
  }

  /** Halts a topic: what it has queued is forgotten, and read again from its cursors when the cause is gone. */
  halt(topic: Topic, halt: Halt): void {
    const heldAt = topic.heldAt(this.main);
    if (topic.state.kind !== 'halted')
      topic.missed =
        topic.state.kind === 'flowing' &&
        topic.apart.length === 0 &&
        topic.queues.every(({ size }) => size === 0)
          ? 'none'
          : 'some';
    for (const queue of topic.queues) {
      this.#drop(queue);
      // Partitions that were set apart wait with the others now.
      queue.state = FLOWING;
    }
    const known = topic.state.kind === 'halted' && topic.state.written && topic.state.halt.code === halt.code;
    topic.state = { ...this.#halted(halt, heldAt, topic.rechecks), written: known };
    topic.rechecks += 1;
    this.settings.log.error(
      { topic: topic.name, code: halt.code, heldAt: heldAt.toString() },
      `topic ${topic.name} is halted (${halt.code}): ${halt.detail}. Other topics flow; this one goes on by itself, in order, when the cause is gone.`,
    );
    this.room.notify();
    this.acked.notify();
  }

  /** Holds what could not be compared with the database: its partitions by themselves, or the topic when it is all of them. */
  holdUnread(topic: Topic): void {
    if (topic.state.kind === 'halted') return;
    for (const queue of topic.unread) {
      if (queue.unread === undefined || queue.state.kind === 'halted') continue;
      if (topic.isCompared) this.setApart(topic, queue, queue.unread);
      else return this.halt(topic, queue.unread);
    }
  }

  /** Sets one partition apart, as `halt` does with a topic: the others of its topic flow. */
  setApart(topic: Topic, queue: PartitionQueue, why: Halt): void {
    if (topic.state.kind === 'halted') return;
    const { log } = this.settings;
    const { partition } = queue;
    const again = queue.probing;
    // As its topic, unless it is on a lane of its own. One that joins has events on the lane that it comes from.
    const heldAt = heldAtOf(queue.state.kind === 'flowing' ? topic.state : queue.state, this.main);
    this.#drop(queue);
    const detail = `partition ${partition} takes nothing while others are written. ${why.code}: ${why.detail}`;
    const halt = queue.unread ?? { code: 'PARTITION_STUCK', detail };
    queue.state = this.#halted(halt, heldAt, queue.rechecks);
    queue.rechecks += 1;
    // One that is compared later is there: nothing shows that it takes no records.
    if (queue.unread === undefined) queue.probing = true;
    if (!again)
      log.error(
        { topic: topic.name, partition, code: why.code, heldAt: heldAt.toString() },
        `partition ${partition} of topic ${topic.name} is set apart (${why.code}): ${why.detail}. Everything else flows; it goes on by itself, in order, when the cause is gone.`,
      );
    this.room.notify();
    this.acked.notify();
  }

  #drop(queue: PartitionQueue): void {
    const dropped = queue.drop();
    this.queuedEvents -= dropped.events;
    this.queuedBytes -= dropped.bytes;
    this.ready.delete(queue);
  }

  #halted(halt: Halt, heldAt: bigint, rechecks: number): Extract<FlowState, { kind: 'halted' }> {
    const sinceMs = this.settings.clock.now();
    return { kind: 'halted', heldAt, halt, sinceMs, recheckAt: this.recheckAt(rechecks), written: false };
  }

  /** When to look again at what was held for so many rechecks, monotonic milliseconds. */
  recheckAt(rechecks: number): number {
    const { clock, recheckMs } = this.settings;
    return clock.monotonic() + recheckMs * Math.min(30, 2 ** rechecks);
  }
}

function topicOf(record: Takeover['topics'][number], takeover: Takeover): Topic {
  const topic = new Topic(
    record.topic,
    record.heldAt === undefined
      ? { kind: 'flowing' }
      : {
          kind: 'halted',
          heldAt: record.heldAt,
          halt: haltOf(record.heldReason ?? ''),
          sinceMs: 0,
          recheckAt: 0,
          written: true,
        },
  );
  const cursors: Cursor[] = Array.from({ length: record.partitions ?? 0 }, startCursor);
  for (const cursor of takeover.cursors)
    if (cursor.topic === record.topic) cursors[cursor.partition] = cursor;
  topic.open(cursors);
  topic.topicId = record.topicId;
  if (record.heldAt !== undefined) topic.missed = 'unknown';
  for (const { topic: name, partition, save } of takeover.cursors) {
    const queue = name === record.topic ? topic.queues[partition] : undefined;
    if (queue !== undefined && save !== undefined) queue.save = save;
  }
  return topic;
}

/** A halt as it stands in held_reason: `CODE: detail`. */
export function haltText({ code, detail }: Halt): string {
  return `${code}: ${detail}`;
}

function haltOf(text: string): Halt {
  const at = text.indexOf(': ');
  return at < 0 ? { code: text, detail: '' } : { code: text.slice(0, at), detail: text.slice(at + 2) };
}
