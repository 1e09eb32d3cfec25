import { SPEC_VERSION, WIRE } from '@converge/contracts';
import type { RecordBatchBuilder } from '@converge/kafka';
import { fieldOf, storedHeadersOf, varintOf } from './encode-headers.ts';
import { isSame, type OutboxRows } from './outbox-rows.ts';
import type { PositionText } from './position-text.ts';

export interface SourceIdentity {
  readonly id: string;
  readonly name: string;
  readonly epoch: number;
}

/** Room for what is not in a row: varints, position and predecessor with their names. */
const FRAME_ROOM = 320;
const TEMPLATES = 256;
const UUID_TEXT = 36;
const TIME_TEXT = 24;
const HEX = Buffer.from('0123456789abcdef');
const ZERO = 0x30;
const DASH = 0x2d;

/** The headers of all events with one type and one text of stored headers: id, time and positions are filled in. */
interface Template {
  readonly type: Buffer;
  readonly headersText: Buffer;
  /** From the number of headers to the name of ce_subject. */
  readonly before: Buffer;
  readonly idAt: number;
  readonly timeAt: number;
  timeMs: number;
  /** The stored headers. */
  readonly after: Buffer;
}

/**
 * Writes events into open batches, each once, from the bytes of its row: constant headers are copied as one piece, and
 * nothing is allocated per event. Stored headers repeat (all events of a type without a trace have the same), so the
 * last few templates are kept.
 */
export class Encoder {
  readonly #source: SourceIdentity;
  readonly #templates = new Map<string, Template>();
  #template: Template | undefined;
  #room = 0;
  /** ce_pos whole, and the name of ce_prev: `epoch.tick.` `id` `.nonce`. */
  #position = Buffer.alloc(0);
  #positionFrom = 0;
  #idFrom = 0;
  #idTo = 0;
  #tick = '';
  #nonce = '';

  constructor(source: SourceIdentity) {
    this.#source = source;
  }

  /** What follows belongs to this tick. */
  begin(epoch: number, tick: { readonly number: bigint; readonly nonce: string }): void {
    this.#tick = `${epoch}.${tick.number}.`;
    this.#nonce = `.${tick.nonce}`;
    this.#idFrom = this.#idTo = 0;
  }

  /** Bytes that the row takes in a batch at most. Comes before `write` of the same row. */
  room(rows: OutboxRows): number {
    const { key, payload } = rows;
    const { before, after } = (this.#template = this.#templateOf(rows));
    this.#room =
      2 * (key.to - key.from) + payload.to - payload.from + before.length + after.length + FRAME_ROOM;
    return this.#room;
  }

  /** Appends the row; `prev` is the position before it in its partition, and becomes this one's. */
  write(rows: OutboxRows, batch: RecordBatchBuilder, prev: PositionText): void {
    const { bytes, key, payload, createdMs } = rows;
    const template = this.#template;
    if (template === undefined) throw new Error('a row is written after its room was asked for');
    const { before, after } = template;
    if (template.timeMs !== createdMs) {
      template.timeMs = createdMs;
      before.write(new Date(createdMs).toISOString(), template.timeAt, 'latin1');
    }
    writeUuid(bytes, rows.eventId.from, before, template.idAt);
    this.#setId(rows.id);
    batch.begin(createdMs, this.#room);
    batch.value(bytes, key.from, key.to);
    batch.value(bytes, payload.from, payload.to);
    batch.raw(before, 0, before.length);
    batch.value(bytes, key.from, key.to);
    batch.raw(this.#position, 0, this.#position.length);
    batch.value(prev.bytes, 0, prev.length);
    batch.raw(after, 0, after.length);
    batch.end();
    prev.set(this.#position, this.#positionFrom, this.#idTo);
  }

  #templateOf(rows: OutboxRows): Template {
    const last = this.#template;
    if (
      last !== undefined &&
      isSame(rows.bytes, rows.headers, last.headersText) &&
      isSame(rows.bytes, rows.type, last.type)
    )
      return last;
    const type = rows.textOf(rows.type);
    const headersText = rows.textOf(rows.headers);
    // A type may hold any character but NUL.
    const name = `${type}\0${headersText}`;
    let template = this.#templates.get(name);
    if (template === undefined) {
      if (this.#templates.size >= TEMPLATES) this.#templates.clear();
      template = this.#make(type, headersText);
      this.#templates.set(name, template);
    }
    return template;
  }

  #make(type: string, headersText: string): Template {
    const stored = storedHeadersOf(headersText);
    const { name, id } = this.#source;
    const toId = Buffer.concat([
      varintOf(9 + stored.count),
      fieldOf(WIRE.specVersion),
      fieldOf(SPEC_VERSION),
      fieldOf(WIRE.id),
      varintOf(UUID_TEXT),
    ]);
    const toTime = Buffer.concat([
      toId,
      Buffer.alloc(UUID_TEXT),
      ...[WIRE.source, name, WIRE.sourceId, id, WIRE.type, type, WIRE.time].map(fieldOf),
      varintOf(TIME_TEXT),
    ]);
    return {
      type: Buffer.from(type),
      headersText: Buffer.from(headersText),
      before: Buffer.concat([toTime, Buffer.alloc(TIME_TEXT), fieldOf(WIRE.subject)]),
      idAt: toId.length,
      timeAt: toTime.length,
      timeMs: Number.NaN,
      after: stored.bytes,
    };
  }

  /** Writes the id's digits; the rest stays as long as the number of digits does. */
  #setId(id: number): void {
    let digits = 1;
    for (let limit = 10; id >= limit; limit *= 10) digits += 1;
    if (this.#idTo - this.#idFrom !== digits) this.#layOut(digits);
    let rest = id;
    for (let at = this.#idTo - 1; at >= this.#idFrom; at -= 1) {
      const next = Math.floor(rest / 10);
      this.#position[at] = ZERO + (rest - next * 10);
      rest = next;
    }
  }

  #layOut(digits: number): void {
    const text = `${this.#tick}${'0'.repeat(digits)}${this.#nonce}`;
    const name = fieldOf(WIRE.position);
    const value = fieldOf(text);
    this.#position = Buffer.concat([name, value, fieldOf(WIRE.prev)]);
    this.#positionFrom = name.length + value.length - text.length;
    this.#idFrom = this.#positionFrom + this.#tick.length;
    this.#idTo = this.#idFrom + digits;
  }
}

function writeUuid(from: Buffer, at: number, to: Buffer, place: number): void {
  for (let next = 0, into = place; next < 16; next += 1) {
    if (next === 4 || next === 6 || next === 8 || next === 10) to[into++] = DASH;
    const byte = from[at + next] ?? 0;
    to[into++] = HEX[byte >> 4] ?? 0;
    to[into++] = HEX[byte & 15] ?? 0;
  }
}
