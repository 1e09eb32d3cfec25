import type { Transaction } from 'kysely';

/** A write that the calls of a slice share: one statement for all of them. */
export interface SliceWrite<Item> {
  /** The place among the writes of a slice: all slices take their locks in one order. */
  readonly order: number;
  /** Sends the statements. They need not be answered before the commit: see `sendAhead`. */
  write<DB>(tx: Transaction<DB>, items: readonly Item[]): Promise<void>;
}

/**
 * Gathers what the calls of a slice write together. It is sent behind the last call, or before a call that has to find
 * it in the database. What a call has gathered is dropped with its slice.
 */
export class Gathered<DB> {
  readonly #tx: Transaction<DB>;
  readonly #keys = new Set<string>();
  #writes = new Map<SliceWrite<unknown>, unknown[]>();

  constructor(tx: Transaction<DB>) {
    this.#tx = tx;
  }

  /** True when the slice has gathered something under the key, whether or not it is sent. */
  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Gathers items under a key of their own. */
  add<Item>(key: string, to: SliceWrite<Item>, ...items: readonly Item[]): void {
    this.#keys.add(key);
    // A write gets only the items that were gathered for it.
    const write = to as SliceWrite<unknown>;
    const known = this.#writes.get(write);
    if (known === undefined) this.#writes.set(write, [...items]);
    else known.push(...items);
  }

  /** Sends what was gathered since the last time. Later statements of the transaction find it. */
  async send(): Promise<void> {
    const writes = [...this.#writes].toSorted(([a], [b]) => a.order - b.order);
    this.#writes = new Map();
    for (const [write, items] of writes) if (items.length > 0) await write.write(this.#tx, items);
  }
}
