import type { IncomingRecord } from './broker.ts';
import { ByteReader } from './bytes.ts';

/** What a record's bytes hold. */
interface Content {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: [string, Buffer | null][];
}

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
    return this.#content().key;
  }

  get value(): Buffer | null {
    return this.#content().value;
  }

  get headers(): [string, Buffer | null][] {
    return this.#content().headers;
  }

  #content(): Content {
    if (latest?.bytes === this.#bytes) return latest.content;
    const content = contentOf(this.#bytes);
    latest = { bytes: this.#bytes, content };
    return content;
  }
}

/** The record that was looked at last: whoever reads one reads all of it before the next. */
let latest: { readonly bytes: Buffer; readonly content: Content } | undefined;

function contentOf(bytes: Buffer): Content {
  const reader = new ByteReader(bytes);
  try {
    const content = { key: nullableBytes(reader), value: nullableBytes(reader), headers: headersOf(reader) };
    if (reader.position === bytes.length) return content;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return { key: null, value: bytes, headers: [] };
}

function nullableBytes(reader: ByteReader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.bytes(length);
}

function headersOf(reader: ByteReader): [string, Buffer | null][] {
  const headers: [string, Buffer | null][] = [];
  for (let left = reader.varint(); left > 0; left -= 1)
    headers.push([reader.text(reader.varint()), nullableBytes(reader)]);
  return headers;
}
