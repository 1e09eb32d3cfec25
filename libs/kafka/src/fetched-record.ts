import type { IncomingRecord } from './broker.ts';
import { ByteReader } from './bytes.ts';
import { HeaderMemo } from './header-memo.ts';

type Headers = [name: string, value: Buffer | null][];

/**
 * A record whose key, value and headers are decoded when they are asked for. A fetch brings thousands of records with a
 * dozen headers each; as objects that wait for their turn they made the garbage collector a quarter of a consumer's work.
 * One whose inner lengths contradict its own comes as its bytes, without key and headers: no reader takes it for an event.
 */
export class FetchedRecord implements IncomingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  /** From the key's length to the end. */
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

/** Where everything is in a record's bytes. */
interface Layout {
  readonly bytes: Buffer;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Of each header: where its name begins and ends, and its value; a value that is null begins and ends at -1. */
  readonly spans: readonly number[];
  headers?: Headers;
}

/** The record that was looked at last: whoever reads one reads all of it before the next. */
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

/** One flat list: a pair for each header would be a dozen objects for each record. */
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
