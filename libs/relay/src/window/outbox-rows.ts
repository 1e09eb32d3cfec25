import { type TupleBlock, TupleReader, TupleWriter } from '@convergekit/postgres/engine';

/** The columns of an event, in the order in which every read returns them as bytes. */
export const COLUMNS = 'id, xid, event_id, created_at, topic, key, type, headers, payload';
const COUNT = 9;

/** An event as text, as the poll returns it. */
export interface OutboxRow {
  readonly id: string;
  readonly event_id: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly headers: string;
  readonly payload: string;
  readonly created_ms: number;
}

/** 2000-01-01, from which Postgres counts microseconds. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
/**
 * The bounds of ce_time, years 0 to 9999, in milliseconds: times beyond (manual, `infinity`) are moved to the border.
 */
const EARLIEST_MS = -62_167_219_200_000;
const LATEST_MS = 253_402_300_799_999;

/** The place of a field in `OutboxRows.bytes`. */
export class Field {
  from = 0;
  to = 0;
}

/** Reads a block of events without making objects of them: `next`, then the fields. */
export class OutboxRows {
  readonly #tuples = new TupleReader();
  id = 0;
  xid = 0;
  createdMs = 0;
  readonly eventId = new Field();
  readonly topic = new Field();
  readonly key = new Field();
  readonly type = new Field();
  readonly headers = new Field();
  readonly payload = new Field();

  get bytes(): Buffer {
    return this.#tuples.bytes;
  }

  /** The offset of the present row's frame. */
  get frame(): number {
    return this.#tuples.frame;
  }

  get frameEnd(): number {
    return this.#tuples.frameEnd;
  }

  load(block: TupleBlock): void {
    this.#tuples.load(block);
  }

  next(): boolean {
    const tuples = this.#tuples;
    if (!tuples.next()) return false;
    tuples.field();
    this.id = tuples.int8();
    if (this.id > Number.MAX_SAFE_INTEGER)
      throw new RangeError(`an id in converge.outbox is above 2^53: ${this.id}`);
    tuples.field();
    this.xid = tuples.int8();
    this.#locate(this.eventId);
    tuples.field();
    const createdMs = Math.floor(tuples.int8() / 1_000) + POSTGRES_EPOCH_MS;
    this.createdMs = createdMs < EARLIEST_MS ? EARLIEST_MS : createdMs > LATEST_MS ? LATEST_MS : createdMs;
    this.#locate(this.topic);
    this.#locate(this.key);
    this.#locate(this.type);
    this.#locate(this.headers);
    this.#locate(this.payload);
    return true;
  }

  textOf(field: Field): string {
    return this.bytes.toString('utf8', field.from, field.to);
  }

  #locate(field: Field): void {
    this.#tuples.field();
    field.from = this.#tuples.start;
    field.to = this.#tuples.start + this.#tuples.length;
  }
}

export function isSame(bytes: Buffer, field: Field, other: Buffer): boolean {
  if (field.to - field.from !== other.length) return false;
  for (let at = 0, from = field.from; at < other.length; at += 1)
    if (bytes[from + at] !== other[at]) return false;
  return true;
}

/** Converts text rows to the binary form, so that one encoder and one reader suffice. */
export function blockOf(rows: readonly OutboxRow[]): TupleBlock {
  const writer = new TupleWriter(rows.length * 512);
  for (const row of rows) {
    writer.begin(COUNT);
    writer.int8(BigInt(row.id));
    writer.int8(0n);
    writer.uuid(row.event_id);
    writer.int8(microseconds(row.created_ms));
    for (const text of [row.topic, row.key, row.type, row.headers, row.payload]) writer.text(text);
    writer.end();
  }
  return writer.finish();
}

function microseconds(ms: number): bigint {
  return BigInt(Math.min(Math.max(ms, EARLIEST_MS), LATEST_MS) - POSTGRES_EPOCH_MS) * 1_000n;
}
