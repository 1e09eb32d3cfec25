import { withTransaction } from '@convergekit/postgres';
import { systemClock } from '@convergekit/core';
import { counted, outbox, type World } from './world.ts';

const WRITERS = 4;

/**
 * Writers that run transactions at a steady rate, each with one event. Failed transactions are counted and not
 * repeated: the outbox is the record of the committed events.
 */
export class Writers {
  failed = 0;
  readonly #world: World;
  readonly #rate: number;
  readonly #over = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(world: World, rate: number) {
    this.#world = world;
    this.#rate = rate;
  }

  start(): void {
    this.#running = Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(writer)));
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  /** The keys belong to this writer, so that `n` ascends in the order of commits. */
  async #write(writer: number): Promise<void> {
    const everyMs = (1_000 * WRITERS) / this.#rate;
    let due = systemClock.monotonic();
    for (let n = 0; !this.#over.signal.aborted; n += 1) {
      const event = counted({ key: `w${writer}-${n % 25}`, n });
      try {
        await withTransaction(this.#world.orders, {}, (tx) => outbox.append(tx, [event]));
      } catch {
        this.failed += 1;
      }
      due = Math.max(due + everyMs, systemClock.monotonic() - 1_000);
      await systemClock.sleep(Math.max(0, due - systemClock.monotonic()), this.#over.signal);
    }
  }
}
