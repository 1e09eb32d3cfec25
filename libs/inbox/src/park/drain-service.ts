import type { Service } from '@convergekit/core';
import { loopService, type NextRun, outageBackoff, poll, Wake } from '@convergekit/core/engine';
import { classify } from '@convergekit/resilience';
import { longestWaitMs } from '@convergekit/resilience/engine';
import type { SliceContext } from '../slice/context.ts';
import { endsConsumer } from '../slice/fault.ts';
import { report } from '../slice/report.ts';
import { claimKeys, leaveKey, type LeasedKey, nextDueMs, rescheduleKeys } from './claim-sql.ts';
import { drainKey } from './drain-key.ts';
import { closeUnreadable, readTotals } from './totals-sql.ts';
import { totalOf } from './weigh.ts';

/** The periods of `pollMs` between two looks while nothing is parked: what is parked wakes the loop, and the watch of the partitions. */
const IDLE_PERIODS = 10;
/** The longest period of a timer, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** Applies a consumer's parked events, in order of their keys. Every member runs one: leases divide the keys. */
export function drainService<DB>(context: SliceContext<DB>): Service {
  const drain = new Drain(context);
  return loopService({
    runsCode: true,
    name: `drain of ${context.definition.name}`,
    run: (signal) => drain.run(signal),
    drain: () => drain.lanesEnded(),
  });
}

class Drain<DB> {
  readonly #context: SliceContext<DB>;
  readonly #wake = new Wake();
  readonly #lanes = new Set<Promise<void>>();
  /** Aborts with the error of a lane that ends the consumer. */
  readonly #failed = new AbortController();
  #countDueAt = -Infinity;
  /** False: the last count found no parked key, and no slice of this process has parked one since it began. */
  #mayHaveKeys = true;
  /** Dead letters at the last count after which the unreadable ones were within their cap. */
  #dead = 0;

  constructor(context: SliceContext<DB>) {
    this.#context = context;
    context.parking.onParked(() => {
      this.#mayHaveKeys = true;
      this.#wake.notify();
    });
  }

  async run(stop: AbortSignal): Promise<void> {
    const { clock, random, log, parking } = this.#context;
    const signal = AbortSignal.any([stop, this.#failed.signal]);
    await poll({
      everyMs: Math.min(IDLE_PERIODS * parking.policy.pollMs, LONGEST_MS),
      wake: this.#wake,
      signal,
      backoff: outageBackoff,
      clock,
      random,
      run: () => this.#look(signal),
      onError: (error) => {
        if (endsConsumer(error)) throw error;
        const { code, message } = classify(error);
        log.warn({ code, reason: message }, 'parked keys wait for the database');
      },
    });
    this.#failed.signal.throwIfAborted();
  }

  async lanesEnded(): Promise<void> {
    await Promise.all(this.#lanes);
  }

  async #look(stop: AbortSignal): Promise<NextRun | undefined> {
    const { clock, parking } = this.#context;
    if (clock.monotonic() >= this.#countDueAt) {
      await this.#count();
      // The period is shortened a little, so that a timer that fires early does not skip a count.
      this.#countDueAt = clock.monotonic() + 0.9 * parking.policy.pollMs;
    }
    // What this process parks wakes the loop; the watch finds what another member parked, or an operator.
    if (!this.#mayHaveKeys) return undefined;
    return { afterMs: Math.max(1, Math.min(await this.#fillLanes(stop), parking.policy.pollMs)) };
  }

  async #count(): Promise<void> {
    const { database, definition, parking } = this.#context;
    const { name } = definition;
    this.#mayHaveKeys = false;
    const counted = parking.count();
    const totals = await readTotals(database.executor, name);
    if (totals.keys > 0) {
      this.#mayHaveKeys = true;
      await rescheduleKeys(database.executor, name, longestWaitMs(parking.policy.schedule));
    }
    let { dead } = totals;
    if (dead > this.#dead) {
      const closed = await closeUnreadable(database.executor, name, parking.policy);
      report.unreadable(this.#context, closed);
      dead -= totalOf(closed);
    }
    // The dead letters keep their count: those that a slice added since are found at the next count.
    this.#dead = dead;
    counted({ ...totals, dead: Math.max(0, dead) });
    report.totals(this.#context);
  }

  /** Claims as many keys as there are free lanes. Returns the milliseconds until the next look. */
  async #fillLanes(stop: AbortSignal): Promise<number> {
    const { database, definition, limits, parking } = this.#context;
    const { lanes, pollMs } = parking.policy;
    const free = lanes - this.#lanes.size;
    if (free <= 0) return pollMs;
    // The lease outlives every transaction of its holder.
    const leaseMs = limits().transactionMs + 1_000;
    const keys = await claimKeys(database.executor, definition.name, free, leaseMs);
    for (const key of keys) {
      const lane = drainKey(this.#context, key, { leaseMs, stopping: () => stop.aborted })
        .catch((error: unknown) => this.#laneFailed(key, error))
        .finally(() => {
          this.#lanes.delete(lane);
          this.#wake.notify();
        });
      this.#lanes.add(lane);
    }
    if (keys.length === free) return pollMs;
    return (await nextDueMs(database.executor, definition.name)) ?? pollMs;
  }

  async #laneFailed(key: LeasedKey, error: unknown): Promise<void> {
    if (endsConsumer(error)) return this.#failed.abort(error);
    this.#context.log.warn({ code: classify(error).code }, 'a parked key waits for the database');
    // The lease expires by itself if this statement fails, too.
    await leaveKey(this.#context.database.executor, key, outageBackoff.capMs).catch(() => undefined);
  }
}
