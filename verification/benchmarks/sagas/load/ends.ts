import { systemClock } from '@convergekit/core';
import type { Client } from 'pg';
import { type EndRow, readEnds } from '../business-sql.ts';

/** The time after which a missing number is taken as one that never comes: its transaction rolled back. */
const GAP_MS = 1_000;

/** Follows numbers that are drawn in order and committed in any order. Returns each row once. */
export class Tail {
  #from = 1;
  #gapSince: number | undefined;
  readonly #seen = new Set<number>();

  /** The lowest number that may still come. */
  get from(): number {
    return this.#from;
  }

  /** Takes the rows from `from` on, and returns those that are new. */
  take(rows: readonly EndRow[], nowMs: number): readonly EndRow[] {
    const fresh = rows.filter(({ seq }) => !this.#seen.has(seq));
    for (const { seq } of fresh) this.#seen.add(seq);
    if (this.#advance()) this.#gapSince = undefined;
    if (this.#seen.size === 0) return fresh;
    this.#gapSince ??= nowMs;
    if (nowMs - this.#gapSince >= GAP_MS) {
      this.#from = Math.min(...this.#seen);
      this.#gapSince = undefined;
      this.#advance();
    }
    return fresh;
  }

  #advance(): boolean {
    const before = this.#from;
    while (this.#seen.delete(this.#from)) this.#from += 1;
    return this.#from > before;
  }
}

/** The pause between two reads, in milliseconds: the error of a latency, the same for every side. */
const EVERY_MS = 2;

/**
 * Follows the ends of orders in a session of its own. `awaitEnd` resolves with the time of the read that saw the end,
 * by the clock's monotonic time.
 */
export class EndsWatch {
  /** The number of statements that this watch has sent. */
  reads = 0;
  readonly #client: Client;
  readonly #tail = new Tail();
  readonly #ended = new Map<string, number>();
  readonly #waiting = new Map<string, (atMs: number) => void>();
  readonly #loop: Promise<void>;
  #failure: unknown;
  #stopped = false;
  #paused = false;

  constructor(client: Client) {
    this.#client = client;
    this.#loop = this.#follow();
    // A failure is reported by `stop`, and by `assertReading` before it.
    this.#loop.catch((error: unknown) => void (this.#failure = error));
  }

  assertReading(): void {
    if (this.#failure !== undefined)
      throw new Error('the ends of orders cannot be read', { cause: this.#failure });
  }

  awaitEnd(orderId: string): Promise<number> {
    const ended = this.#ended.get(orderId);
    if (ended !== undefined) return Promise.resolve(ended);
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#waiting.set(orderId, resolve);
    return promise;
  }

  /** Sends no statement while `work` runs: a side without load is measured without the watch. */
  async pauseWhile<T>(work: () => Promise<T>): Promise<T> {
    this.#paused = true;
    try {
      return await work();
    } finally {
      this.#paused = false;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
    await this.#client.end();
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      if (this.#paused) {
        await systemClock.sleep(100);
        continue;
      }
      const rows = await readEnds(this.#client, this.#tail.from);
      this.reads += 1;
      const nowMs = systemClock.monotonic();
      for (const { orderId } of this.#tail.take(rows, nowMs)) {
        this.#ended.set(orderId, nowMs);
        this.#waiting.get(orderId)?.(nowMs);
        this.#waiting.delete(orderId);
      }
      await systemClock.sleep(EVERY_MS);
    }
  }
}
