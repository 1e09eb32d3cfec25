import type { IncomingRecord, UndecodableBatch } from '../broker.ts';
import { ByteReader } from './byte-reader.ts';
import { batchAt } from './undecodable.ts';

type Headers = [name: string, value: Buffer | null][];

/**
 * The most headers of a record, four times what a consumer accepts. An empty header takes two bytes on the wire, which
 * compress to almost nothing, and a hundred bytes in memory.
 */
export const MOST_HEADERS = 1_024;
/** The headers that an undecodable record keeps: a relay writes its own first. */
const FIRST_HEADERS = 16;
/** The bytes of a header without name and value. */
const SHORTEST_HEADER = 2;

/**
 * A record whose key, value and headers are decoded on access. A fetch returns thousands of records with a dozen headers
 * each; decoded in advance they made garbage collection a quarter of a consumer's work. A record whose inner lengths
 * contradict its own length has its bytes as value, without key and headers: no reader takes it for an event. One with
 * more than `MOST_HEADERS` is undecodable; it has its first headers, among which is its position, so that it is no gap.
 */
export class FetchedRecord implements IncomingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  /** The body of the batch, and where the record's fields are in it, from the key's length to the end. */
  readonly #body: Buffer;
  readonly #start: number;
  readonly #end: number;

  constructor(
    { topic, partition }: { readonly topic: string; readonly partition: number },
    offset: bigint,
    timestampMs: number,
    { body, start, end }: RecordSpan,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.timestampMs = timestampMs;
    this.#body = body;
    this.#start = start;
    this.#end = end;
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

  get undecodable(): UndecodableBatch | undefined {
    const layout = this.#layout();
    if (layout.why === undefined) return undefined;
    return (layout.undecodable ??= batchAt(layout.value ?? NOTHING, this.offset, this.offset, layout.why));
  }

  #layout(): Layout {
    if (latest?.record !== this) latest = layOut(this, this.#body, this.#start, this.#end);
    return latest;
  }
}

/** The place of a record's fields in the body of its batch. */
export interface RecordSpan {
  readonly body: Buffer;
  readonly start: number;
  readonly end: number;
}

/** The positions of the fields in a record's bytes. */
interface Layout {
  readonly record: FetchedRecord;
  readonly body: Buffer;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Four offsets per header: begin and end of the name and of the value; -1 for a null value. */
  readonly spans: readonly number[];
  headers?: Headers;
  /** The reason why the record is undecodable. */
  readonly why?: string;
  undecodable?: UndecodableBatch;
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

function layOut(record: FetchedRecord, body: Buffer, start: number, end: number): Layout {
  const reader = new ByteReader(body, start);
  try {
    const key = nullableBytes(reader);
    const value = nullableBytes(reader);
    const count = reader.varint();
    if (count * SHORTEST_HEADER > end - reader.position) return bytesOnly(record, body.subarray(start, end));
    if (count > MOST_HEADERS) {
      const why = `its record has ${count} headers, more than ${MOST_HEADERS}`;
      return {
        ...bytesOnly(record, body.subarray(start, end), why),
        body,
        spans: spansOf(reader, FIRST_HEADERS),
      };
    }
    const spans = spansOf(reader, count);
    if (reader.position === end) return { record, body, key, value, spans };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return bytesOnly(record, body.subarray(start, end));
}

function spansOf(reader: ByteReader, count: number): number[] {
  const spans: number[] = [];
  for (let left = count; left > 0; left -= 1) {
    const nameLength = reader.varint();
    const name = reader.skip(nameLength);
    const valueLength = reader.varint();
    const text = valueLength < 0 ? -1 : reader.skip(valueLength);
    spans.push(name, name + nameLength, text, valueLength < 0 ? -1 : text + valueLength);
  }
  return spans;
}

function bytesOnly(record: FetchedRecord, bytes: Buffer, why?: string): Layout {
  return { record, body: bytes, key: null, value: bytes, spans: [], ...(why !== undefined && { why }) };
}

function headersOf({ body, spans }: Layout): Headers {
  const headers: Headers = [];
  for (let at = 0; at < spans.length; at += 4) {
    const [name = 0, nameEnd, value = 0, valueEnd] = spans.slice(at, at + 4);
    headers.push([body.toString('utf8', name, nameEnd), value < 0 ? null : body.subarray(value, valueEnd)]);
  }
  return headers;
}

/** A flat list: one pair per header would be a dozen objects per record. */
function textsOf({ body, spans }: Layout): (string | null)[] {
  const texts: (string | null)[] = [];
  for (let at = 0; at < spans.length; at += 4) {
    const place = memo.at(at >> 2, body, spans[at] ?? 0, spans[at + 1] ?? 0);
    const value = spans[at + 2] ?? 0;
    texts.push(place.name, value < 0 ? null : memo.text(place, body, value, spans[at + 3] ?? 0));
  }
  return texts;
}

function nullableBytes(reader: ByteReader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.bytes(length);
}
