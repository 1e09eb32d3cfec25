import type { IncomingRecord } from '../broker.ts';
import { ByteReader } from './byte-reader.ts';

type Headers = [name: string, value: Buffer | null][];

/**
 * A record whose key, value and headers are decoded on access. A fetch returns thousands of records with a dozen headers
 * each; decoded in advance they made garbage collection a quarter of a consumer's work. A record whose inner lengths
 * contradict its own length has its bytes as value, without key and headers: no reader takes it for an event.
 */
export class FetchedRecord implements IncomingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  /** The bytes of the record, from the key's length to the end. */
  readonly #bytes: Buffer;

  constructor(
    { topic, partition }: { readonly topic: string; readonly partition: number },
    offset: bigint,
    timestampMs: number,
    bytes: Buffer,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.timestampMs = timestampMs;
    this.#bytes = bytes;
  }

  get key(): Buffer | null {
    return this.#layout().key;
  }

  get value(): Buffer | null {
    return this.#layout().value;
  }

  get headers(): Headers {
    const layout = this.#layout();
    return (layout.headers ??= headersOf(layout));
  }

  get headerTexts(): (string | null)[] {
    return textsOf(this.#layout());
  }

  #layout(): Layout {
    if (latest?.bytes !== this.#bytes) latest = layOut(this.#bytes);
    return latest;
  }
}

/** The positions of the fields in a record's bytes. */
interface Layout {
  readonly bytes: Buffer;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Four offsets per header: begin and end of the name and of the value; -1 for a null value. */
  readonly spans: readonly number[];
  headers?: Headers;
}

/** The header that earlier records had at the same index. */
interface KnownHeader {
  readonly name: string;
  readonly nameBytes: Buffer;
  text: string;
  textBytes: Buffer;
  /** Consecutive records with another value. */
  misses: number;
}

/** The number of consecutive changes after which a header value is no longer compared: it is unique to each record. */
const MOST_MISSES = 8;
const LONGEST = 128;
const NOTHING = Buffer.alloc(0);

/**
 * Decodes headers to text and remembers the last text at each index. Records of one producer have the same names in the
 * same order, and half of the values repeat (type, source, schema): comparing bytes is several times faster than decoding.
 */
class HeaderMemo {
  readonly #places: KnownHeader[] = [];

  at(index: number, bytes: Buffer, start: number, end: number): KnownHeader {
    const known = this.#places[index];
    if (known !== undefined && isSame(known.nameBytes, bytes, start, end)) return known;
    const place = {
      name: bytes.toString('utf8', start, end),
      nameBytes: Buffer.from(bytes.subarray(start, end)),
      text: '',
      textBytes: NOTHING,
      misses: 0,
    };
    // A hostile record may have any number of headers with names of any length.
    if (index < LONGEST && end - start <= LONGEST) this.#places[index] = place;
    return place;
  }

  text(place: KnownHeader, bytes: Buffer, start: number, end: number): string {
    if (place.misses > MOST_MISSES || end - start > LONGEST) return bytes.toString('utf8', start, end);
    if (isSame(place.textBytes, bytes, start, end)) {
      place.misses = 0;
      return place.text;
    }
    place.misses += 1;
    place.text = bytes.toString('utf8', start, end);
    place.textBytes = Buffer.from(bytes.subarray(start, end));
    return place.text;
  }
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let at = 0; at < known.length; at += 1) if (known[at] !== bytes[start + at]) return false;
  return true;
}

/** The layout of the last read record: a reader reads all of a record before the next. */
let latest: Layout | undefined;

const memo = new HeaderMemo();

function layOut(bytes: Buffer): Layout {
  const reader = new ByteReader(bytes);
  try {
    const key = nullableBytes(reader);
    const value = nullableBytes(reader);
    const spans: number[] = [];
    for (let left = reader.varint(); left > 0; left -= 1) {
      const nameLength = reader.varint();
      const name = reader.skip(nameLength);
      const valueLength = reader.varint();
      const text = valueLength < 0 ? -1 : reader.skip(valueLength);
      spans.push(name, name + nameLength, text, valueLength < 0 ? -1 : text + valueLength);
    }
    if (reader.position === bytes.length) return { bytes, key, value, spans };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return { bytes, key: null, value: bytes, spans: [] };
}

function headersOf({ bytes, spans }: Layout): Headers {
  const headers: Headers = [];
  for (let at = 0; at < spans.length; at += 4) {
    const [name = 0, nameEnd, value = 0, valueEnd] = spans.slice(at, at + 4);
    headers.push([bytes.toString('utf8', name, nameEnd), value < 0 ? null : bytes.subarray(value, valueEnd)]);
  }
  return headers;
}

/** A flat list: one pair per header would be a dozen objects per record. */
function textsOf({ bytes, spans }: Layout): (string | null)[] {
  const texts: (string | null)[] = [];
  for (let at = 0; at < spans.length; at += 4) {
    const place = memo.at(at >> 2, bytes, spans[at] ?? 0, spans[at + 1] ?? 0);
    const value = spans[at + 2] ?? 0;
    texts.push(place.name, value < 0 ? null : memo.text(place, bytes, value, spans[at + 3] ?? 0));
  }
  return texts;
}

function nullableBytes(reader: ByteReader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.bytes(length);
}
