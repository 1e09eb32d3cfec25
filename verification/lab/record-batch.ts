import type { LogRecord } from '../checker/facts.ts';

/** The bytes of a record batch (Kafka's format 2) before its records, and the place of their number. */
const HEAD = 61;
const COUNT_AT = 57;

/** Decodes the records of an uncompressed batch. */
export function recordsOf(batch: Buffer): readonly Pick<LogRecord, 'key' | 'headers' | 'payload'>[] {
  const cursor = new Cursor(batch, HEAD);
  return Array.from({ length: batch.readInt32BE(COUNT_AT) }, () => {
    cursor.varint(); // length
    cursor.skip(1); // attributes
    cursor.varint(); // timestamp
    cursor.varint(); // offset
    const key = cursor.text();
    const payload = cursor.text();
    const headers = Array.from({ length: cursor.varint() }, () => [cursor.text(), cursor.text()] as const);
    return { key, headers: Object.fromEntries(headers), payload };
  });
}

class Cursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  /** A zig-zag coded integer of up to 53 bits. */
  varint(): number {
    let coded = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes.readUInt8(this.#at++);
      coded += (byte & 0x7f) * scale;
      if (byte < 0x80) return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
    }
  }

  text(): string {
    const length = this.varint();
    if (length < 0) return 'null';
    const from = this.#at;
    this.skip(length);
    return this.#bytes.toString('utf8', from, from + length);
  }
}
