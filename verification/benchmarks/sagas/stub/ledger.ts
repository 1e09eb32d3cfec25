/** The kind of an effect at the payment provider. */
export type Kind = 'charge' | 'refund';

/** An effect at the payment provider, by its idempotency key. */
export interface LedgerEntry {
  readonly key: string;
  readonly kind: Kind;
  readonly orderId: string;
  readonly cents: number;
  /** The number of calls with this key; all but the first were dropped. */
  readonly calls: number;
}

/** The ledger of the payment provider: one effect for each idempotency key, and a count of its calls. */
export class Ledger {
  readonly #entries = new Map<string, LedgerEntry>();

  /** Returns true for a new effect, false for a repeat of its key. */
  apply(effect: Omit<LedgerEntry, 'calls'>): boolean {
    const known = this.#entries.get(effect.key);
    this.#entries.set(effect.key, { ...(known ?? effect), calls: (known?.calls ?? 0) + 1 });
    return known === undefined;
  }

  get entries(): readonly LedgerEntry[] {
    return [...this.#entries.values()];
  }
}
