import type { LedgerRow } from './facts.ts';

interface Span {
  readonly base: number;
  count: number;
}

/**
 * The ledger of millions of rows in flat arrays, some 30 bytes an event. Rows of a key are adjacent, so that an event
 * is found by key and n.
 */
export class Ledger {
  readonly #spans = new Map<string, Span>();
  #ids = Buffer.alloc(16 * 1024);
  readonly #crcs: number[] = [];
  #last: { readonly name: string; readonly span: Span } | undefined;

  get size(): number {
    return this.#crcs.length;
  }

  /**
   * Adds a row; the rows of a key must be adjacent, with n from 1 without a hole. Otherwise the row is left out and the
   * fault returned.
   */
  add({ topic, key, n, eventId, crc }: LedgerRow): string | undefined {
    const name = nameOf(topic, key);
    if (this.#last?.name !== name) {
      if (this.#spans.has(name)) return `the rows of key ${key} of ${topic} do not lie together`;
      const span = { base: this.size, count: 0 };
      this.#spans.set(name, span);
      this.#last = { name, span };
    }
    const { span } = this.#last;
    if (n !== span.count + 1) return `key ${key} of ${topic} has n = ${n} after n = ${span.count}`;
    span.count = n;
    if (this.size * 16 === this.#ids.length)
      this.#ids = Buffer.concat([this.#ids, Buffer.alloc(this.#ids.length)]);
    this.#ids.write(bare(eventId), this.size * 16, 16, 'hex');
    this.#crcs.push(crc);
    return undefined;
  }

  /** The row's number, if this very event was committed as the n-th of its key. */
  find(topic: string, key: string, n: number, eventId: string): number | undefined {
    const span = this.#spans.get(nameOf(topic, key));
    if (span === undefined || !(n >= 1 && n <= span.count)) return undefined;
    const row = span.base + n - 1;
    return this.#ids.toString('hex', row * 16, row * 16 + 16) === bare(eventId) ? row : undefined;
  }

  crcOf(row: number): number {
    return this.#crcs[row] ?? 0;
  }

  /** Describes a row for a witness. The method scans the keys: not for the hot path. */
  describe(row: number): string {
    for (const [name, { base, count }] of this.#spans)
      if (row >= base && row < base + count) {
        const [topic = '', key = ''] = name.split('\n');
        const id = this.#ids.toString('hex', row * 16, row * 16 + 16);
        return `event ${id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}, number ${row - base + 1} of ${count} of key ${key} in ${topic}`;
      }
    return `row ${row}`;
  }
}

function nameOf(topic: string, key: string): string {
  return `${topic}\n${key}`;
}

function bare(uuid: string): string {
  return uuid.replaceAll('-', '');
}
