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
  #crcs = new Uint32Array(1024);
  #last: { readonly name: string; readonly span: Span } | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Adds a row; the rows of a key must be adjacent, with n from 1 without a hole. Otherwise the row is left out and the
   * fault returned.
   */
  add({ topic, key, n, eventId, crc }: LedgerRow): string | undefined {
    const name = nameOf(topic, key);
    if (this.#last?.name !== name) {
      if (this.#spans.has(name)) return `the rows of key ${key} of ${topic} do not lie together`;
      const span = { base: this.#size, count: 0 };
      this.#spans.set(name, span);
      this.#last = { name, span };
    }
    const { span } = this.#last;
    if (n !== span.count + 1) return `key ${key} of ${topic} has n = ${n} after n = ${span.count}`;
    span.count = n;
    this.#grow();
    this.#ids.write(bare(eventId), this.#size * 16, 16, 'hex');
    this.#crcs[this.#size] = crc;
    this.#size += 1;
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

  #grow(): void {
    if (this.#size < this.#crcs.length) return;
    const ids = Buffer.alloc(this.#ids.length * 2);
    this.#ids.copy(ids);
    this.#ids = ids;
    const crcs = new Uint32Array(this.#crcs.length * 2);
    crcs.set(this.#crcs);
    this.#crcs = crcs;
  }
}

function nameOf(topic: string, key: string): string {
  return `${topic}\n${key}`;
}

function bare(uuid: string): string {
  return uuid.replaceAll('-', '');
}
