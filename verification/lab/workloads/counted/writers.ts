import { systemClock } from '@convergekit/core';
import { type Database, withTransaction } from '@convergekit/postgres';
import { counted, outbox } from './events.ts';

const WRITERS = 4;
const KEYS = 25;

type Target = Pick<Database, 'acquire'>;

/** Writers at a steady rate, one event for each transaction. Their database can be replaced, and they can be paused. */
export class Writers {
  /** Why transactions failed without a fault that explains it: they are not repeated. */
  readonly refusals: string[] = [];
  /** Transactions that failed for a reason that the fault of the moment explains. */
  explained = 0;
  /** The ids of events whose commit was acknowledged. */
  readonly acknowledged: string[] = [];
  #database: Target | undefined;
  readonly #rate: number;
  readonly #over = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #busy = 0;
  readonly #explains: (error: unknown) => boolean;

  constructor(database: Target, rate: number, explains: (error: unknown) => boolean = () => false) {
    this.#database = database;
    this.#rate = rate;
    this.#explains = explains;
  }

  start(): void {
    this.#running = Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(writer)));
  }

  /** Stops writing for a while; resolves when no transaction is open. */
  async pause(): Promise<void> {
    this.#database = undefined;
    while (this.#busy > 0) await systemClock.sleep(5);
  }

  /** Continues in this database. */
  resume(database: Target): void {
    this.#database = database;
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  /** The keys belong to this writer, so that `n` ascends in the order of commits. */
  async #write(writer: number): Promise<void> {
    const everyMs = (1_000 * WRITERS) / this.#rate;
    let due = systemClock.monotonic();
    for (let n = 0; !this.#over.signal.aborted;) {
      const database = this.#database;
      if (database !== undefined) {
        await this.#commit(database, { key: `w${writer}-${n % KEYS}`, n });
        n += 1;
      }
      due = Math.max(due + everyMs, systemClock.monotonic() - 1_000);
      await systemClock.sleep(Math.max(0, due - systemClock.monotonic()), this.#over.signal);
    }
  }

  async #commit(database: Target, data: { readonly key: string; readonly n: number }): Promise<void> {
    this.#busy += 1;
    try {
      const { ids } = await withTransaction(database, {}, (tx) => outbox.append(tx, [counted(data)]));
      this.acknowledged.push(...ids);
    } catch (error) {
      if (this.#explains(error)) this.explained += 1;
      else this.refusals.push(String(error));
    } finally {
      this.#busy -= 1;
    }
  }
}
