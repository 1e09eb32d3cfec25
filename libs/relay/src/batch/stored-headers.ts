import { CONTENT_TYPE, RELAY_HEADERS, WIRE } from '@convergekit/contracts/engine';

/** The maximum of headers in the scan, the writer's limit; texts with more are parsed. */
const MOST = 64;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const ZERO = 0x30;
const NINE = 0x39;

type Meaning = 'relay' | 'content-type';

/** The names with a meaning for the relay, by length. */
const special: { readonly bytes: Buffer; readonly meaning: Meaning }[][] = [];
for (const name of [...RELAY_HEADERS, WIRE.contentType])
  (special[name.length] ??= []).push({
    bytes: Buffer.from(name),
    meaning: name === WIRE.contentType ? 'content-type' : 'relay',
  });

/**
 * Finds the headers in the text that a writer stored, without creating strings. The text is a JSON object whose names
 * and values are strings without escapes, as the kit and `converge.emit` write it. Any other text (escapes, other
 * values, a name twice, names that JavaScript would reorder, no JSON at all) is parsed. Cursors are locals and fields
 * on purpose: Node 24 compiled a cursor in a module variable wrongly when it was hot.
 */
export class HeaderScan {
  /** Headers that go out: the relay's own names are left out. */
  count = 0;
  hasContentType = false;
  /** The places of each header: begin and end of the name, begin and end of the value. */
  readonly places = new Int32Array(4 * MOST);
  #bytes: Buffer = Buffer.alloc(0);
  #to = 0;

  /** False: the text is not in the plain form, and nothing was found. */
  scan(bytes: Buffer, from: number, to: number): boolean {
    this.#bytes = bytes;
    this.#to = to;
    this.count = 0;
    this.hasContentType = false;
    let at = this.#skip(from);
    if (bytes[at] !== OPEN) return false;
    at = this.#skip(at + 1);
    if (bytes[at] === CLOSE) return this.#skip(at + 1) === to;
    for (let found = 0; found < MOST; found += 1) {
      if (bytes[at] !== QUOTE) return false;
      const nameFrom = at + 1;
      const nameTo = this.#endOf(nameFrom);
      if (nameTo < 0) return false;
      at = this.#skip(nameTo + 1);
      if (bytes[at] !== COLON) return false;
      at = this.#skip(at + 1);
      if (bytes[at] !== QUOTE) return false;
      const valueFrom = at + 1;
      const valueTo = this.#endOf(valueFrom);
      if (valueTo < 0 || !this.#keep(nameFrom, nameTo, valueFrom, valueTo)) return false;
      at = this.#skip(valueTo + 1);
      const next = bytes[at];
      if (next === CLOSE) return this.#skip(at + 1) === to;
      if (next !== COMMA) return false;
      at = this.#skip(at + 1);
    }
    return false;
  }

  #keep(nameFrom: number, nameTo: number, valueFrom: number, valueTo: number): boolean {
    const { places } = this;
    const first = this.#bytes[nameFrom] ?? 0;
    if (first >= ZERO && first <= NINE) return false;
    const end = this.count * 4;
    for (let place = 0; place < end; place += 4)
      if (this.#isSame(nameFrom, nameTo, places[place] ?? 0, places[place + 1] ?? 0)) return false;
    const meaning = this.#meaningOf(nameFrom, nameTo);
    if (meaning === 'relay') return true;
    if (meaning === 'content-type') this.hasContentType = true;
    places[end] = nameFrom;
    places[end + 1] = nameTo;
    places[end + 2] = valueFrom;
    places[end + 3] = valueTo;
    this.count += 1;
    return true;
  }

  #meaningOf(from: number, to: number): Meaning | undefined {
    const known = special[to - from];
    if (known === undefined) return undefined;
    for (const { bytes, meaning } of known) {
      let same = 0;
      while (same < bytes.length && bytes[same] === this.#bytes[from + same]) same += 1;
      if (same === bytes.length) return meaning;
    }
    return undefined;
  }

  /** The closing quote; -1 where something comes before it that a plain string does not have. */
  #endOf(from: number): number {
    const bytes = this.#bytes;
    const to = this.#to;
    for (let at = from; at < to; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) return at;
      if (byte === BACKSLASH || byte < 0x20) return -1;
    }
    return -1;
  }

  /** Skips spaces, up to `to` at most. */
  #skip(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    while (at < this.#to && isSpace(bytes[at] ?? 0)) at += 1;
    return at;
  }

  #isSame(from: number, to: number, otherFrom: number, otherTo: number): boolean {
    const length = to - from;
    if (length !== otherTo - otherFrom) return false;
    for (let at = 0; at < length; at += 1)
      if (this.#bytes[from + at] !== this.#bytes[otherFrom + at]) return false;
    return true;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export interface StoredHeaders {
  readonly count: number;
  /** The headers in a record's encoding. */
  readonly bytes: Buffer;
}

/** Parses the headers that a writer stored, and adds a content type if there is none. */
export function storedHeadersOf(text: string): StoredHeaders {
  const headers: string[] = [];
  let contentType = false;
  for (const [name, value] of Object.entries(objectOf(text))) {
    // Nothing checks headers that SQL stores: invalid ones are left out.
    if (RELAY_HEADERS.has(name) || typeof value !== 'string') continue;
    if (name === WIRE.contentType) contentType = true;
    headers.push(name, value);
  }
  if (!contentType) headers.push(WIRE.contentType, CONTENT_TYPE);
  return { count: headers.length / 2, bytes: Buffer.concat(headers.map(fieldOf)) };
}

/** Encodes a text behind its length, like names and values of headers in a record. */
export function fieldOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([varintOf(bytes.length), bytes]);
}

/** The header of events that were stored without a content type. */
export const CONTENT_TYPE_HEADER = Buffer.concat([WIRE.contentType, CONTENT_TYPE].map(fieldOf));

/** A length as a record writes it: zigzag, seven bits a byte. */
export function varintOf(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Parses a JSON object. Other text can only come from manual SQL: its event is published without those headers. */
function objectOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
