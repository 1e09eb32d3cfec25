import { systemClock } from '@convergekit/core';
import type { Order } from '../order.ts';
import type { SideProcess } from '../sides/side.ts';
import type { Driver } from './loads.ts';

/** The time from the kill to the restart, in milliseconds. */
const RESTART_AFTER_MS = 1_000;

/** Requests of orders at once while the drill fills up. */
const PLACERS = 64;
/** A fast side may never have as many in flight: it is killed after this many times as many orders. */
const MOST = 5;

/** Fills the side until so many orders are in flight, kills its worker with SIGKILL, starts it again, and waits for all ends. */
export async function killDrill(
  { next, side, ends, patienceMs }: Driver,
  worker: SideProcess,
  wanted: number,
) {
  const unanswered: Order[] = [];
  let [made, accepted, ended, lastMs] = [0, 0, 0, 0];
  let filled = false;
  const placer = async (): Promise<void> => {
    while (!filled) {
      const order = next();
      made += 1;
      void ends.awaitEnd(order.orderId).then((atMs) => {
        ended += 1;
        lastMs = Math.max(lastMs, atMs);
      });
      try {
        await side.place(order);
        accepted += 1;
      } catch {
        // The kill met the request: it is not known whether the order was accepted.
        unanswered.push(order);
      }
    }
  };
  const until = async (reached: () => boolean): Promise<void> => {
    while (!reached()) {
      ends.assertReading();
      await systemClock.sleep(5);
    }
  };
  const placers = Array.from({ length: PLACERS }, placer);
  await until(() => accepted - ended >= wanted || made >= MOST * wanted);
  // Ends make room again, and no more orders are placed.
  filled = true;
  const inFlight = accepted - ended;
  const killedMs = systemClock.monotonic();
  await worker.kill();
  await systemClock.sleep(RESTART_AFTER_MS);
  await worker.start();
  await Promise.all(placers);
  // Under their id, so that each is one order.
  for (const order of unanswered) await side.place(order);
  const endMs = systemClock.monotonic() + patienceMs;
  await until(() => made === ended || systemClock.monotonic() > endMs);
  const notEnded = made - ended;
  return {
    /** The number of accepted orders that had not ended when the worker was killed. */
    inFlight,
    notEnded,
    /** The time from the kill to the last end, in seconds; NaN when an order has no end. */
    allEndedAfterSeconds: notEnded === 0 ? (lastMs - killedMs) / 1_000 : Number.NaN,
  };
}
