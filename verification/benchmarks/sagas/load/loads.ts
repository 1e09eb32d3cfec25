import { type Clock, systemClock } from '@convergekit/core';
import type { Order } from '../order.ts';
import type { OpenSide } from '../sides/side.ts';
import type { EndsWatch } from './ends.ts';

/** The load on a side: orders that are made on demand, and how each of them fared. */
export interface Driver {
  readonly side: OpenSide;
  readonly ends: EndsWatch;
  /** Makes the next order and remembers it. */
  readonly next: () => Order;
  readonly clock?: Clock;
  /** The longest wait for the last end, in milliseconds. */
  readonly patienceMs: number;
}

export interface Offered {
  readonly orderId: string;
  /** The time when the order was to be placed, by the monotonic clock. */
  readonly intendedMs: number;
  readonly endedMs: number;
}

export interface Load {
  readonly startedMs: number;
  /** The time when the last order was placed. */
  readonly stoppedMs: number;
  readonly offered: readonly Offered[];
}

/** Places orders so that `atOnce` are in flight for `ms` milliseconds, and waits until all have ended. */
export async function closedLoop(
  driver: Driver,
  { atOnce, ms }: { readonly atOnce: number; readonly ms: number },
): Promise<Load> {
  const { clock = systemClock } = driver;
  const startedMs = clock.monotonic();
  const stoppedMs = startedMs + ms;
  const offered: Offered[] = [];
  const one = async (): Promise<void> => {
    while (clock.monotonic() < stoppedMs) offered.push(await place(driver, clock.monotonic()));
  };
  await within(driver, Promise.all(Array.from({ length: atOnce }, one)), ms);
  return { startedMs, stoppedMs, offered };
}

/**
 * Places orders at a rate for `ms` milliseconds, whether or not earlier ones have ended, and waits until all have. The
 * time of an order counts from when it was to be placed, so a driver that is late does not hide a wait.
 */
export async function openLoop(
  driver: Driver,
  { perSecond, ms }: { readonly perSecond: number; readonly ms: number },
): Promise<Load> {
  const { clock = systemClock } = driver;
  const startedMs = clock.monotonic();
  const stoppedMs = startedMs + ms;
  const underWay: Promise<Offered>[] = [];
  for (let number = 0; ; number += 1) {
    const intendedMs = startedMs + (number * 1_000) / perSecond;
    if (intendedMs >= stoppedMs) break;
    const early = intendedMs - clock.monotonic();
    if (early > 0) await clock.sleep(early);
    const placed = place(driver, intendedMs);
    // A rejection is reported by the wait for all of them.
    placed.catch(() => undefined);
    underWay.push(placed);
  }
  const offered = await within(driver, Promise.all(underWay), 0);
  return { startedMs, stoppedMs, offered };
}

/** Places exactly `count` orders, `atOnce` at a time, and waits until all have ended. */
export async function exactly(driver: Driver, count: number, atOnce: number): Promise<Load> {
  const { clock = systemClock } = driver;
  const startedMs = clock.monotonic();
  const offered: Offered[] = [];
  let left = count;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      offered.push(await place(driver, clock.monotonic()));
    }
  };
  await within(driver, Promise.all(Array.from({ length: atOnce }, one)), 0);
  return { startedMs, stoppedMs: clock.monotonic(), offered };
}

async function place({ side, ends, next }: Driver, intendedMs: number): Promise<Offered> {
  const order = next();
  const ended = ends.awaitEnd(order.orderId);
  await side.place(order);
  return { orderId: order.orderId, intendedMs, endedMs: await ended };
}

/** Rejects when a process ends, a read fails, or the patience is at its end. */
export async function within<T>(
  { side, ends, clock = systemClock, patienceMs }: Driver,
  work: Promise<T>,
  extraMs: number,
): Promise<T> {
  const done = new AbortController();
  const watch = async (): Promise<never> => {
    const end = clock.monotonic() + extraMs + patienceMs;
    while (!done.signal.aborted) {
      side.assertAlive();
      if (ends.failure !== undefined)
        throw new Error('the ends of orders cannot be read', { cause: ends.failure });
      if (clock.monotonic() > end) throw new Error(`not all orders had ended after ${patienceMs / 1_000} s`);
      await clock.sleep(200, done.signal);
    }
    return new Promise<never>(() => undefined);
  };
  try {
    return await Promise.race([work, watch()]);
  } finally {
    done.abort();
  }
}
