/** The longest time limit of a write, in milliseconds: a relay counts as stalled after 30 s. A longer first one stays. */
const MOST_MS = 16_000;

/**
 * The time limits of writes. A partition whose broker does not answer in time is given twice the time, since with a fixed
 * limit a broker that is slow, not dead, would never be written to. Answers in a quarter of the time halve it again.
 * A request may so outlive the lease: what it writes then are repeats in order, and consumers drop them.
 */
export class SendLimits<Partition extends object> {
  readonly #firstMs: number;
  readonly #limits = new WeakMap<Partition, number>();

  constructor(firstMs: number) {
    this.#firstMs = firstMs;
  }

  /** The limit of one write to these partitions: the longest of theirs. */
  of(partitions: readonly Partition[]): number {
    return Math.max(...partitions.map((partition) => this.#limits.get(partition) ?? this.#firstMs));
  }

  timedOut(partition: Partition, limitMs: number): void {
    this.#limits.set(partition, Math.min(2 * limitMs, Math.max(MOST_MS, this.#firstMs)));
  }

  answered(partition: Partition, tookMs: number): void {
    const limitMs = this.#limits.get(partition);
    if (limitMs === undefined || tookMs > limitMs / 4) return;
    if (limitMs / 2 <= this.#firstMs) this.#limits.delete(partition);
    else this.#limits.set(partition, limitMs / 2);
  }
}
