import type { SealedRecords } from '@convergekit/broker/engine';
import type { Cursor } from '../cursor/cursor.ts';
import { FLOWING, type FlowState, type Halt } from './flow-state.ts';
import { PositionText } from '../batch/position-text.ts';
import type { OpenWindow } from './lane.ts';
import { QueuedBatch } from '../batch/queued-batch.ts';

export interface Amount {
  readonly events: number;
  readonly bytes: number;
}

/** Bytes of one batch: below the broker's default limit of 1 MiB, an event of 900 KB still fits. */
const BATCH_BYTES = 950_000;

/**
 * The events of one partition between reading and acknowledgement, in order, encoded into batches. `take` seals the
 * first batch and leaves it in place; only `acknowledge` moves the cursor, past it. So a batch that failed is simply
 * taken again, the same to the byte.
 */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** The position that the next event names in ce_prev: the last one queued, else the cursor. */
  readonly prev = new PositionText();
  #cursor: Cursor;
  #epoch = 0;
  #tick = 0n;
  #id = 0;
  #batches: QueuedBatch[] = [];
  #events = 0;
  /** Changes at each `drop`: an acknowledgement for what was dropped meanwhile is no longer about these events. */
  generation = 0;
  /** Failures in a row; the clock's time of the first of them; no send before `notBefore`. */
  failures = 0;
  failingSince = 0;
  notBefore = 0;
  /** The code of its last failure; undefined since it was written. It outlives a `drop`. */
  failedWith: string | undefined;
  /** `save` of its row, and how often this leader saved it: see settle-sql.ts. */
  save = 0n;
  saves = 0n;
  /** Set apart by itself while its topic flows. `flowing`: as its topic. */
  state: FlowState = FLOWING;
  /** Why its log could not be compared with the database in this leadership: nothing may be sent to it. undefined: it may. */
  unread: Halt | undefined;
  /** Attempts to bring it back since it last flowed: the pause between them grows. */
  rechecks = 0;
  /** It was set apart, and nothing of it was written since. */
  probing = false;

  constructor(topic: string, partition: number, cursor: Cursor) {
    this.topic = topic;
    this.partition = partition;
    this.#cursor = cursor;
    this.#startAt(cursor);
  }

  /** The last position known to be in the log. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  get size(): number {
    return this.#events;
  }

  /** True when the event is queued, or in the log already. */
  isPassed(tick: bigint, id: number): boolean {
    return tick === this.#tick ? id <= this.#id : tick < this.#tick;
  }

  /** The batch for one more event of at most `room` bytes. Append it there, then call `push`. */
  open(room: number): QueuedBatch {
    const last = this.#batches.at(-1);
    if (last?.hasRoom(room, BATCH_BYTES) === true) return last;
    const batch = new QueuedBatch();
    this.#batches.push(batch);
    return batch;
  }

  /** An event was appended to the open batch. */
  push(id: number, window: OpenWindow, epoch: number): void {
    this.#batches.at(-1)?.push(id, window);
    this.#events += 1;
    this.#epoch = epoch;
    this.#tick = window.number;
    this.#id = id;
  }

  /** The next batch: the same one until it is acknowledged. */
  take(): SealedRecords | undefined {
    return this.#batches[0]?.seal();
  }

  /** The first batch is in the log. */
  acknowledge(): Amount {
    const batch = this.#batches.shift();
    if (batch === undefined) return { events: 0, bytes: 0 };
    const { last, events, bytes } = batch;
    this.#cursor = { epoch: this.#epoch, tick: last.tick, id: last.id.toString() };
    this.#events -= events;
    batch.acknowledged();
    this.failures = 0;
    this.failedWith = undefined;
    this.probing = false;
    return { events, bytes };
  }

  /** The first batch was too large: the same records in two, `records` in the first of them. Returns the bytes added. */
  split(records: number): number {
    const batch = this.#batches[0];
    if (batch === undefined) return 0;
    const parts = batch.split(records);
    this.#batches.splice(0, 1, ...parts);
    return parts[0].bytes + parts[1].bytes - batch.bytes;
  }

  /** Forgets what was not acknowledged: it will be read again from the cursor on. */
  drop(): Amount {
    const dropped = { events: this.#events, bytes: this.#batches.reduce((sum, { bytes }) => sum + bytes, 0) };
    for (const batch of this.#batches) batch.forgotten();
    this.#batches = [];
    this.#events = 0;
    this.generation += 1;
    this.#startAt(this.#cursor);
    this.failures = 0;
    this.notBefore = 0;
    return dropped;
  }

  /** The first event not acknowledged, for naming it. */
  first(): { readonly tick: bigint; readonly id: number } | undefined {
    return this.#batches[0]?.first;
  }

  #startAt(cursor: Cursor): void {
    this.prev.setTo(cursor);
    this.#epoch = cursor.epoch;
    const { tick, id } = cursor.passed ?? cursor;
    this.#tick = tick;
    this.#id = Number(id);
  }
}
