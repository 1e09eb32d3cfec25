import {
  RELAY_HEADERS,
  signatureOf,
  type SignedPlace,
  type SigningKey,
  SPEC_VERSION,
  WIRE,
} from '@convergekit/contracts/engine';
import type { RecordBatchBuilder } from '@convergekit/broker/engine';
import type { Source } from '@convergekit/outbox/engine';
import {
  CONTENT_TYPE_HEADER,
  fieldOf,
  HeaderScan,
  type StoredHeaders,
  storedHeadersOf,
  varintOf,
} from './stored-headers.ts';
import { isSame, type OutboxRows } from '../window/outbox-rows.ts';
import type { PositionText } from './position-text.ts';

/** Room for what is not in a row: varints, position and predecessor with their names. */
const FRAME_ROOM = 320;
const TEMPLATES = 256;
/** Room for a signature, with its name and both lengths. */
const SIGNATURE_ROOM = 64;
const SIGNATURE_NAME = fieldOf(WIRE.signature);
const UUID_TEXT = 36;
const TIME_TEXT = 24;
const HEX = Buffer.from('0123456789abcdef');
const ZERO = 0x30;
const DASH = 0x2d;

/** The headers that all events of one type share: id and time are filled in. */
interface Template {
  readonly type: Buffer;
  /** The bytes from the first header to the name of ce_subject. */
  readonly bytes: Buffer;
  readonly idAt: number;
  readonly timeAt: number;
  timeMs: number;
}

/** The number of headers that the relay writes from columns. */
const RELAY_COUNT = RELAY_HEADERS.size;

/**
 * Writes events into open batches, each once, from the bytes of the row. Headers that all events of a type share are
 * copied as one piece, stored headers from their place in the row, and nothing is allocated per event.
 */
export class Encoder {
  readonly #source: Source;
  readonly #signing: SigningKey | undefined;
  readonly #templates = new Map<string, Template>();
  #template: Template | undefined;
  /** The places of the present row's stored headers; `#parsed` has those that had to be parsed. */
  readonly #scan = new HeaderScan();
  #parsed: StoredHeaders | undefined;
  #room = 0;
  /** ce_pos whole, and the name of ce_prev: `epoch.tick.` `id` `.nonce`. */
  #position = Buffer.alloc(0);
  #positionFrom = 0;
  #idFrom = 0;
  #idTo = 0;
  #tick = '';
  #nonce = '';

  constructor(source: Source, signing?: SigningKey) {
    this.#source = source;
    this.#signing = signing;
  }

  /** Begins the rows of a tick. */
  begin(epoch: number, tick: { readonly number: bigint; readonly nonce: string }): void {
    const text = `${epoch}.${tick.number}.`;
    if (text === this.#tick && this.#nonce === `.${tick.nonce}`) return;
    this.#tick = text;
    this.#nonce = `.${tick.nonce}`;
    this.#idFrom = this.#idTo = 0;
  }

  /** Bytes that the row takes in a batch at most. Comes before `write` of the same row. */
  room(rows: OutboxRows): number {
    const { bytes, key, payload, headers } = rows;
    const template = (this.#template = this.#templateOf(rows));
    const isPlain = this.#scan.scan(bytes, headers.from, headers.to);
    this.#parsed = isPlain ? undefined : storedHeadersOf(rows.textOf(headers));
    // The bound of the size: `"name":"value",` has six bytes more than the texts, two lengths at most seven.
    const stored = this.#parsed?.bytes.length ?? Math.ceil(((headers.to - headers.from) * 8) / 7);
    this.#room =
      2 * (key.to - key.from) + payload.to - payload.from + template.bytes.length + stored + FRAME_ROOM;
    if (this.#signing !== undefined) this.#room += SIGNATURE_ROOM;
    return this.#room;
  }

  /** Appends the row; `prev` is the predecessor's position and becomes the position of this row. */
  write(rows: OutboxRows, batch: RecordBatchBuilder, prev: PositionText, place?: SignedPlace): void {
    const { bytes, key, payload, createdMs } = rows;
    const template = this.#template;
    if (template === undefined) throw new Error('a row is written after its room was asked for');
    const shared = template.bytes;
    if (template.timeMs !== createdMs) {
      template.timeMs = createdMs;
      shared.write(new Date(createdMs).toISOString(), template.timeAt, 'latin1');
    }
    writeUuid(bytes, rows.eventId.from, shared, template.idAt);
    this.#setId(rows.id);
    batch.begin(createdMs, this.#room);
    const from = batch.size;
    batch.value(bytes, key.from, key.to);
    batch.value(bytes, payload.from, payload.to);
    batch.varint(RELAY_COUNT + this.#storedCount() + (this.#signing === undefined ? 0 : 1));
    batch.raw(shared, 0, shared.length);
    batch.value(bytes, key.from, key.to);
    batch.raw(this.#position, 0, this.#position.length);
    batch.value(prev.bytes, 0, prev.length);
    this.#writeStored(bytes, batch);
    if (this.#signing !== undefined) sign(batch, from, this.#signing, place);
    batch.end();
    prev.set(this.#position, this.#positionFrom, this.#idTo);
  }

  #storedCount(): number {
    return this.#parsed?.count ?? this.#scan.count + (this.#scan.hasContentType ? 0 : 1);
  }

  #writeStored(bytes: Buffer, batch: RecordBatchBuilder): void {
    if (this.#parsed !== undefined) {
      batch.raw(this.#parsed.bytes, 0, this.#parsed.bytes.length);
      return;
    }
    const { count, places, hasContentType } = this.#scan;
    // Names and values in turn.
    for (let at = 0; at < count * 4; at += 2) batch.value(bytes, places[at] ?? 0, places[at + 1] ?? 0);
    if (!hasContentType) batch.raw(CONTENT_TYPE_HEADER, 0, CONTENT_TYPE_HEADER.length);
  }

  #templateOf(rows: OutboxRows): Template {
    const last = this.#template;
    if (last !== undefined && isSame(rows.bytes, rows.type, last.type)) return last;
    const type = rows.textOf(rows.type);
    let template = this.#templates.get(type);
    if (template === undefined) {
      if (this.#templates.size >= TEMPLATES) this.#templates.clear();
      template = this.#make(type);
      this.#templates.set(type, template);
    }
    return template;
  }

  #make(type: string): Template {
    const { name, id } = this.#source;
    const toId = Buffer.concat([
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
      bytes: Buffer.concat([toTime, Buffer.alloc(TIME_TEXT), fieldOf(WIRE.subject)]),
      idAt: toId.length,
      timeAt: toTime.length,
      timeMs: Number.NaN,
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

/** Appends the signature of what was written from there on, the last header of the record. */
function sign(
  batch: RecordBatchBuilder,
  from: number,
  key: SigningKey,
  place: SignedPlace | undefined,
): void {
  if (place === undefined) throw new Error('a record is signed for its partition, and none is given');
  const text = Buffer.from(signatureOf(key, place, batch.buffer.subarray(from, batch.size)));
  batch.raw(SIGNATURE_NAME, 0, SIGNATURE_NAME.length);
  batch.value(text, 0, text.length);
}

function writeUuid(from: Buffer, at: number, to: Buffer, place: number): void {
  for (let next = 0, into = place; next < 16; next += 1) {
    if (next === 4 || next === 6 || next === 8 || next === 10) to[into++] = DASH;
    const byte = from[at + next] ?? 0;
    to[into++] = HEX[byte >> 4] ?? 0;
    to[into++] = HEX[byte & 15] ?? 0;
  }
}
