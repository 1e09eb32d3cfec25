import type { OutgoingRecord } from '@converge/kafka';
import { type Cursor, formatCursor } from './cursor.ts';

/** A window whose events are on their way. */
export interface OpenWindow {
  readonly number: bigint;
  /** Events queued and not acknowledged. */
  pending: number;
  /** All of its rows were queued. */
  read: boolean;
}

export interface QueuedEvent {
  readonly record: OutgoingRecord;
  readonly bytes: number;
  readonly tick: bigint;
  readonly id: string;
  readonly window: OpenWindow;
}

/**
 * The events of one partition between reading and acknowledgement, in order. `take` shows the next batch and leaves it
 * in place; only `acknowledge` moves the cursor, over a contiguous beginning. So a batch that failed is simply taken
 * again, the same records in the same order.
 */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  #cursor: Cursor;
  #queued: Cursor;
  #events: QueuedEvent[] = [];
  #head = 0;
  #bytes = 0;
  /** Changes at each `drop`: an acknowledgement for what was dropped meanwhile is no longer about these events. */
  generation = 0;
  /** Failures in a row; the clock's time of the first of them; no send before `notBefore`. */
  failures = 0;
  failingSince = 0;
  notBefore = 0;

  constructor(topic: string, partition: number, cursor: Cursor) {
    this.topic = topic;
    this.partition = partition;
    this.#cursor = cursor;
    this.#queued = cursor;
  }

  /** The last position known to be in the log. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  /** The last position queued or in the log: what comes next must be above it, and names it in ce_prev. */
  get queued(): Cursor {
    return this.#queued;
  }

  get prev(): string {
    return formatCursor(this.#queued);
  }

  get size(): number {
    return this.#events.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(event: QueuedEvent, epoch: number): void {
    this.#events.push(event);
    this.#bytes += event.bytes;
    this.#queued = { epoch, tick: event.tick, id: event.id };
    event.window.pending += 1;
  }

  /** The next batch: at least one record, then as many as fit. */
  take(maxBytes: number, maxRecords: number): readonly OutgoingRecord[] {
    const records: OutgoingRecord[] = [];
    let bytes = 0;
    for (let at = this.#head; at < this.#events.length && records.length < maxRecords; at += 1) {
      const event = this.#events[at];
      if (event === undefined || (records.length > 0 && bytes + event.bytes > maxBytes)) break;
      bytes += event.bytes;
      records.push(event.record);
    }
    return records;
  }

  /** The first `count` events are in the log. Returns their bytes. */
  acknowledge(count: number): number {
    const end = Math.min(this.#head + count, this.#events.length);
    const before = this.#bytes;
    let last: QueuedEvent | undefined;
    for (; this.#head < end; this.#head += 1) {
      last = this.#events[this.#head];
      if (last === undefined) break;
      last.window.pending -= 1;
      this.#bytes -= last.bytes;
    }
    if (last !== undefined) this.#cursor = { epoch: this.#queued.epoch, tick: last.tick, id: last.id };
    this.#compact();
    this.failures = 0;
    return before - this.#bytes;
  }

  /** Forgets what was not acknowledged: it will be read again from the cursor on. */
  drop(): { readonly events: number; readonly bytes: number } {
    const dropped = { events: this.size, bytes: this.#bytes };
    for (const event of this.#events.slice(this.#head)) event.window.pending -= 1;
    this.#events = [];
    this.#head = 0;
    this.#bytes = 0;
    this.generation += 1;
    this.#queued = this.#cursor;
    this.failures = 0;
    this.notBefore = 0;
    return dropped;
  }

  /** The first event not acknowledged, for naming it. */
  first(): QueuedEvent | undefined {
    return this.#events[this.#head];
  }

  #compact(): void {
    if (this.#head < 4_096 && this.#head < this.#events.length) return;
    this.#events = this.#events.slice(this.#head);
    this.#head = 0;
  }
}
