import type { Transaction } from 'kysely';

/** A write that the calls of a slice share: one statement for all of them. */
export interface SliceWrite<Item> {
  /** The place among the writes of a slice: all slices take their locks in one order. */
  readonly order: number;
  /** Sends the statements, ahead of their answers: see `sendAhead`. `isLast`: no call follows before the commit. */
  write<DB>(tx: Transaction<DB>, items: readonly Item[], isLast: boolean): Promise<void>;
}

/** Items that one call gathered for a write. */
interface Entry {
  readonly key: string;
  readonly to: SliceWrite<unknown>;
  readonly items: readonly unknown[];
}

/**
 * Gathers what the calls of a slice write together. It is sent behind the last call, or before a call that has to find
 * it in the database. What a call has gathered is dropped with its slice.
 */
export class Gathered<DB> {
  readonly #tx: Transaction<DB>;
  #keys = new Set<string>();
  #entries: Entry[] = [];
  /** The number of entries that are sent, from the first one. */
  #sent = 0;

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
    this.#entries.push({ key, to, items });
  }

  /** Marks what is gathered so far. The result goes back to it, as a rollback to a savepoint does. */
  mark(): () => void {
    const [{ length }, sent] = [this.#entries, this.#sent];
    return () => {
      this.#entries.length = length;
      this.#keys = new Set(this.#entries.map(({ key }) => key));
      this.#sent = sent;
    };
  }

  /** Sends what was gathered since the last time. `isLast`: behind the last call, whose savepoints have ended. */
  async send(isLast = false): Promise<void> {
    const byWrite = new Map<SliceWrite<unknown>, unknown[]>();
    for (const { to, items } of this.#entries.slice(this.#sent)) {
      const known = byWrite.get(to);
      if (known === undefined) byWrite.set(to, [...items]);
      else known.push(...items);
    }
    this.#sent = this.#entries.length;
    const writes = [...byWrite].toSorted(([a], [b]) => a.order - b.order);
    for (const [write, items] of writes) if (items.length > 0) await write.write(this.#tx, items, isLast);
  }
}
