import { systemClock } from '@convergekit/core';
import type { Order } from '../order.ts';
import type { Worker } from '../sides/side.ts';
import type { Driver } from './loads.ts';

/** The time from the kill to the restart, in milliseconds. */
const RESTART_AFTER_MS = 1_000;

/** What became of the orders of a kill drill. Effects are judged from the ledger, with the whole run. */
export interface Drilled {
  /** The number of accepted orders that had not ended when the worker was killed. */
  readonly inFlight: number;
  readonly notEnded: number;
  /** The time from the kill to the last end, in seconds; NaN when an order has no end. */
  readonly allEndedAfterSeconds: number;
}

/** Requests of orders at once while the drill fills up. */
const PLACERS = 64;
/** A fast side may never have as many in flight: it is killed after this many times as many orders. */
const MOST = 5;

/** Fills the side until so many orders are in flight, kills its worker with SIGKILL, starts it again, and waits for all ends. */
export async function killDrill(driver: Driver, worker: Worker, wanted: number): Promise<Drilled> {
  const flight = new Flight(driver);
  await flight.fill(wanted);
  const inFlight = flight.inFlight;
  const killedMs = systemClock.monotonic();
  await worker.kill();
  await systemClock.sleep(RESTART_AFTER_MS);
  await worker.start();
  await flight.placeAgain();
  const lastMs = await flight.allEnded(driver.patienceMs);
  return {
    inFlight,
    notEnded: flight.open,
    allEndedAfterSeconds: flight.open === 0 ? (lastMs - killedMs) / 1_000 : Number.NaN,
  };
}

/** The orders of a drill. */
class Flight {
  readonly #driver: Driver;
  readonly #unanswered: Order[] = [];
  readonly #placers: Promise<unknown>[] = [];
  #made = 0;
  #accepted = 0;
  #ended = 0;
  #lastMs = 0;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  get inFlight(): number {
    return this.#accepted - this.#ended;
  }

  /** Orders without an end. */
  get open(): number {
    return this.#made - this.#ended;
  }

  async fill(inFlight: number): Promise<void> {
    const full = (): boolean => this.inFlight >= inFlight || this.#made >= MOST * inFlight;
    let filled = false;
    const one = async (): Promise<void> => {
      while (!filled) await this.#place();
    };
    this.#placers.push(...Array.from({ length: PLACERS }, one));
    await this.#until(full);
    // Ends make room again, and no more orders are placed.
    filled = true;
  }

  /** Places the orders again whose request was not answered: under their id, so that each is one order. */
  async placeAgain(): Promise<void> {
    await Promise.all(this.#placers);
    for (const order of this.#unanswered) await this.#driver.side.place(order);
  }

  /** Returns the time of the last end, when all have ended or the patience is at its end. */
  async allEnded(patienceMs: number): Promise<number> {
    const end = systemClock.monotonic() + patienceMs;
    await this.#until(() => this.open === 0 || systemClock.monotonic() > end);
    return this.#lastMs;
  }

  async #place(): Promise<void> {
    const { next, side, ends } = this.#driver;
    const order = next();
    this.#made += 1;
    void ends.awaitEnd(order.orderId).then((atMs) => {
      this.#ended += 1;
      this.#lastMs = Math.max(this.#lastMs, atMs);
    });
    try {
      await side.place(order);
      this.#accepted += 1;
    } catch {
      // The kill met the request: it is not known whether the order was accepted.
      this.#unanswered.push(order);
    }
  }

  async #until(reached: () => boolean): Promise<void> {
    const { ends } = this.#driver;
    while (!reached()) {
      if (ends.failure !== undefined)
        throw new Error('the ends of orders cannot be read', { cause: ends.failure });
      await systemClock.sleep(5);
    }
  }
}
