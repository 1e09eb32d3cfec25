import { classify, delayMs } from '@convergekit/resilience';
import type { Service } from '@convergekit/core';
import type { SliceContext } from '../slice/context.ts';
import { report } from '../slice/report.ts';
import { totalOf } from './weigh.ts';
import { claimKeys, leaveKey, type LeasedKey, nextDueMs } from './claim-sql.ts';
import { drainKey, endsConsumer } from './drain-key.ts';
import { readTotals, closeUnreadable } from './totals-sql.ts';

const outage = { baseMs: 50, factor: 2, capMs: 5_000 };

/**
 * Applies the parked events of one consumer: claims keys that are due, some at a time, and works each in order. Every
 * member of the consumer runs one; a key's lease says who works it.
 */
export class DrainService<DB> implements Service {
  readonly name: string;
  readonly #context: SliceContext<DB>;
  readonly #ended = Promise.withResolvers<undefined>();
  readonly #stop = new AbortController();
  readonly #lanes = new Set<Promise<void>>();
  #woken = new AbortController();
  #outages = 0;
  /** Dead letters as of the last look at which the unreadable ones were within their cap. */
  #dead = 0;
  #loop: Promise<void> = Promise.resolve();

  constructor(context: SliceContext<DB>) {
    this.#context = context;
    this.name = `drain of ${context.definition.name}`;
    this.#ended.promise.catch(() => undefined);
    context.parking.onParked(() => this.#wake());
  }

  get done(): Promise<void> {
    return this.#ended.promise;
  }

  start(): Promise<void> {
    this.#loop = this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#loop;
    await Promise.all(this.#lanes);
    this.#ended.resolve(undefined);
  }

  async #run(): Promise<void> {
    const { clock, random, parking } = this.#context;
    const { pollMs } = parking.policy;
    for (let counted = -Infinity; !this.#stop.signal.aborted;) {
      this.#woken = new AbortController();
      try {
        if (clock.monotonic() - counted >= pollMs) {
          await this.#count();
          counted = clock.monotonic();
        }
        const idleMs = await this.#fillLanes();
        this.#outages = 0;
        await clock.sleep(Math.min(pollMs, Math.max(idleMs, 1)), this.#woken.signal);
      } catch (error) {
        if (endsConsumer(error)) return this.#die(error);
        await this.#outage(error, random);
      }
    }
  }

  async #count(): Promise<void> {
    const { database, definition, parking } = this.#context;
    const { name } = definition;
    const totals = await readTotals(database.executor, name);
    let { dead } = totals;
    if (dead > this.#dead) {
      const closed = await closeUnreadable(database.executor, name, parking.policy);
      report.unreadable(this.#context, closed);
      dead -= totalOf(closed);
    }
    // Not counted anew: a slice that has added more since is found by the next look.
    this.#dead = dead;
    parking.counted({ ...totals, dead: Math.max(0, dead) });
    report.totals(this.#context);
  }

  /** Claims as many keys as there are free lanes; gives the milliseconds until the next look. */
  async #fillLanes(): Promise<number> {
    const { database, definition, limits, parking } = this.#context;
    const { lanes, pollMs } = parking.policy;
    const free = lanes - this.#lanes.size;
    if (free <= 0) return pollMs;
    // The lease outlives every transaction of its holder.
    const leaseMs = limits().transactionMs + 1_000;
    const keys = await claimKeys(database.executor, definition.name, free, leaseMs);
    for (const key of keys) {
      const bounds = { leaseMs, stopping: () => this.#stop.signal.aborted };
      const lane = drainKey(this.#context, key, bounds)
        .catch((error: unknown) => this.#laneFailed(key, error))
        .finally(() => {
          this.#lanes.delete(lane);
          this.#wake();
        });
      this.#lanes.add(lane);
    }
    if (keys.length === free) return pollMs;
    return (await nextDueMs(database.executor, definition.name)) ?? pollMs;
  }

  #wake(): void {
    this.#woken.abort();
  }

  async #laneFailed(key: LeasedKey, error: unknown): Promise<void> {
    if (endsConsumer(error)) return this.#die(error);
    this.#context.log.warn({ code: classify(error).code }, 'a parked key waits for the database');
    // When this does not get through either, the lease runs out by itself.
    await leaveKey(this.#context.database.executor, key, outage.capMs).catch(() => undefined);
  }

  async #outage(error: unknown, random: () => number): Promise<void> {
    this.#outages += 1;
    const { code, message } = classify(error);
    this.#context.log.warn({ code, reason: message }, 'parked keys wait for the database');
    await this.#context.clock.sleep(delayMs(outage, this.#outages, random), this.#stop.signal);
  }

  #die(error: unknown): void {
    this.#stop.abort();
    this.#wake();
    this.#ended.reject(error);
  }
}
