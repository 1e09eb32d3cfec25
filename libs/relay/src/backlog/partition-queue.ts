import type { SealedRecords } from '@convergekit/broker/engine';
import { PositionText } from '../batch/position-text.ts';
import { QueuedBatch } from '../batch/queued-batch.ts';
import type { Cursor } from '../leader/takeover-sql.ts';
import { nextSave, type SavedCursor } from '../cursor/save-sql.ts';
import { Flow, type FlowState, type Halt } from './flow-state.ts';
import type { OpenWindow } from './lane.ts';

export interface Amount {
  readonly events: number;
  readonly bytes: number;
}

/** A partition's cursor that moved since the last save. */
export interface Unsaved {
  readonly queue: PartitionQueue;
  readonly cursor: SavedCursor;
}

/**
 * The health of a partition's sends. `isProbe`: the partition was halted by itself, and none of its events was written
 * since.
 */
export type SendHealth =
  | { readonly kind: 'sound' }
  /** The last send of the partition failed, and is repeated. */
  | {
      readonly kind: 'failing';
      readonly code: string;
      /** Failures in a row, and the monotonic time at which the first of those sends began. */
      readonly failures: number;
      readonly since: number;
      /** The earliest time of the next send, in monotonic milliseconds. */
      readonly notBefore: number;
      readonly isProbe: boolean;
    }
  /** The failed events were dropped; no event was written since. */
  | { readonly kind: 'unproven'; readonly code: string; readonly isProbe: boolean };

export type Failing = Extract<SendHealth, { kind: 'failing' }>;

const SOUND: SendHealth = Object.freeze({ kind: 'sound' });
/** The size of a batch in bytes, below the broker's default of 1 MiB: an event of 900 KB fits. */
const BATCH_BYTES = 950_000;

/**
 * The events of one partition between reading and acknowledgement, in order, encoded into batches. `take` seals the
 * first batch and leaves it in place; only `acknowledge` moves the cursor, past it. So a batch that failed is simply
 * taken again, the same to the byte.
 * `push`, `acknowledge`, `split` and `drop` are called by its Backlog, which counts.
 */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** The position that the next event names in ce_prev: the last one queued, else the cursor. */
  readonly prev = new PositionText();
  /** The partition's own flow, which counts while its topic flows. `flowing`: as the topic. */
  readonly flow = new Flow();
  /**
   * The reason why the partition's log could not be compared with the database. Nothing may be sent to it then;
   * undefined: sends are allowed.
   */
  unread: Halt | undefined;
  #cursor: Cursor;
  #epoch = 0;
  #tick = 0n;
  #id = 0;
  #batches: QueuedBatch[] = [];
  #events = 0;
  /** Bytes of the last batch that were counted. */
  #openBytes = 0;
  #generation = 0;
  #health: SendHealth = SOUND;
  /** The `save` value of the partition's row, and the number of saves by this leader: see save-sql.ts. */
  #save: bigint;
  #saves = 0n;

  constructor(topic: string, partition: number, cursor: Cursor, save = 0n) {
    this.topic = topic;
    this.partition = partition;
    this.#cursor = cursor;
    this.#save = save;
    this.#startAt(cursor);
  }

  get state(): FlowState {
    return this.flow.state;
  }

  get health(): SendHealth {
    return this.#health;
  }

  /** The code of the partition's last failure; undefined after a success. */
  get failedWith(): string | undefined {
    return this.#health.kind === 'sound' ? undefined : this.#health.code;
  }

  /** True when the partition is tried again after its own halt. */
  get isProbe(): boolean {
    return this.#health.kind !== 'sound' && this.#health.isProbe;
  }

  /** The generation, which each `drop` changes: an acknowledgement of an older generation is ignored. */
  get generation(): number {
    return this.#generation;
  }

  /** The last position known to be in the log. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  get size(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#batches.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The first event that is not acknowledged, to name it. */
  get first(): { readonly tick: bigint; readonly id: number } | undefined {
    return this.#batches[0]?.first;
  }

  /** True when the event is queued, or in the log already. */
  isPassed(tick: bigint, id: number): boolean {
    return tick === this.#tick ? id <= this.#id : tick < this.#tick;
  }

  /** The batch for one more event of at most `room` bytes. The caller appends it there, then calls `push`. */
  open(room: number): QueuedBatch {
    let batch = this.#batches.at(-1);
    if (batch?.hasRoom(room, BATCH_BYTES) !== true) {
      batch = new QueuedBatch();
      this.#batches.push(batch);
    }
    this.#openBytes = batch.events === 0 ? 0 : batch.bytes;
    return batch;
  }

  /** An event was appended to the open batch. Returns the bytes added. */
  push(id: number, window: OpenWindow, epoch: number): number {
    const batch = this.#batches.at(-1);
    if (batch === undefined) throw new Error('an event is queued after its batch was opened');
    batch.push(id, window);
    this.#events += 1;
    this.#epoch = epoch;
    this.#tick = window.number;
    this.#id = id;
    return batch.bytes - this.#openBytes;
  }

  /** Takes the next batch: the same batch until it is acknowledged. */
  take(): SealedRecords | undefined {
    return this.#batches[0]?.seal();
  }

  /** The first batch is in the log. */
  acknowledge(): Amount {
    const batch = this.#batches.shift();
    if (batch === undefined) return { events: 0, bytes: 0 };
    const { last, events, bytes } = batch;
    this.#cursor = { epoch: this.#epoch, tick: last.tick, id: BigInt(last.id) };
    this.#events -= events;
    batch.acknowledged();
    this.#health = SOUND;
    return { events, bytes };
  }

  /** Records a failed send that began at `beganAt`. */
  fail(code: string, beganAt: number): Failing {
    const { isProbe } = this;
    const before =
      this.#health.kind === 'failing' ? this.#health : { failures: 0, since: beganAt, notBefore: 0 };
    const failing: Failing = { ...before, kind: 'failing', code, failures: before.failures + 1, isProbe };
    this.#health = failing;
    return failing;
  }

  /** A failed batch is not sent again before this time. */
  postpone(notBefore: number): void {
    if (this.#health.kind === 'failing') this.#health = { ...this.#health, notBefore };
  }

  /** Splits a first batch that was too large into two, with `records` records in the first. Returns the bytes added. */
  split(records: number): number {
    const batch = this.#batches[0];
    if (batch === undefined) return 0;
    const parts = batch.split(records);
    this.#batches.splice(0, 1, ...parts);
    return parts[0].bytes + parts[1].bytes - batch.bytes;
  }

  /** Drops what was not acknowledged: it is read again from the cursor on. `toProbe`: its next send decides whether it flows. */
  drop(toProbe = false): Amount {
    const dropped = { events: this.#events, bytes: this.bytes };
    for (const batch of this.#batches) batch.dropped();
    this.#batches = [];
    this.#events = 0;
    this.#generation += 1;
    this.#startAt(this.#cursor);
    if (this.#health.kind !== 'sound')
      this.#health = { kind: 'unproven', code: this.#health.code, isProbe: this.isProbe || toProbe };
    return dropped;
  }

  /** The cursor, and with which `save` its row is found and left. */
  cursorToSave(): SavedCursor {
    const { topic, partition } = this;
    const [save, next] = [this.#save, nextSave(this.#save, this.#saves + 1n)];
    return { ...this.#cursor, topic, partition, save, nextSave: next };
  }

  saved({ nextSave: save }: SavedCursor): void {
    this.#save = save;
    this.#saves += 1n;
  }

  #startAt(cursor: Cursor): void {
    this.prev.setTo(cursor);
    this.#epoch = cursor.epoch;
    const { tick, id } = cursor.passed ?? cursor;
    this.#tick = tick;
    this.#id = Number(id);
  }
}
