import { systemClock } from '@convergekit/core';
import { atRate } from '../../../lab/drive.ts';
import type { Order } from '../order.ts';
import type { OpenSide } from '../sides/side.ts';
import type { EndsWatch } from './ends.ts';

/** The load on a side: orders that are made on demand, and how each of them fared. */
export interface Driver {
  readonly side: OpenSide;
  readonly ends: EndsWatch;
  readonly next: () => Order;
  /** The longest wait for the last end, in milliseconds. */
  readonly patienceMs: number;
}

type Offered = Awaited<ReturnType<typeof place>>;

export interface Load {
  readonly startedMs: number;
  /** The time when the last order was placed. */
  readonly stoppedMs: number;
  readonly offered: readonly Offered[];
}

/** Places orders so that `atOnce` are in flight, for `ms` milliseconds or `count` orders, and waits until all have ended. */
export async function closedLoop(
  driver: Driver,
  { atOnce, ms = 0, count }: { readonly atOnce: number; readonly ms?: number; readonly count?: number },
): Promise<Load> {
  const startedMs = systemClock.monotonic();
  const offered: Offered[] = [];
  let placed = 0;
  const isOpen = (): boolean =>
    count === undefined ? systemClock.monotonic() < startedMs + ms : (placed += 1) <= count;
  const one = async (): Promise<void> => {
    while (isOpen()) offered.push(await place(driver, systemClock.monotonic()));
  };
  await within(driver, ms, () => Promise.all(Array.from({ length: atOnce }, one)));
  return { startedMs, stoppedMs: count === undefined ? startedMs + ms : systemClock.monotonic(), offered };
}

/**
 * Places orders at a rate for `ms` milliseconds, whether or not earlier ones have ended, and waits until all have. The
 * time of an order counts from when it was to be placed, so a driver that is late does not hide a wait.
 */
export async function openLoop(
  driver: Driver,
  { perSecond, ms }: { readonly perSecond: number; readonly ms: number },
): Promise<Load> {
  const startedMs = systemClock.monotonic();
  const offered: Offered[] = [];
  await within(driver, ms, (signal) =>
    atRate({ perSecond, count: (perSecond * ms) / 1_000, signal }, async (_, intendedMs) => {
      offered.push(await place(driver, intendedMs));
    }),
  );
  return { startedMs, stoppedMs: startedMs + ms, offered };
}

/** Places the next order. `intendedMs`: when it was to be placed, by the monotonic clock. */
async function place({ side, ends, next }: Driver, intendedMs: number) {
  const order = next();
  const ended = ends.awaitEnd(order.orderId);
  await side.place(order);
  return { orderId: order.orderId, intendedMs, endedMs: await ended };
}

/** Rejects when a process ends, a read fails, or the patience is at its end `ms` milliseconds later. The signal ends the work. */
async function within<T>(
  { side, ends, patienceMs }: Driver,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const watch = async (): Promise<never> => {
    const end = systemClock.monotonic() + ms + patienceMs;
    while (!done.signal.aborted) {
      for (const one of side.processes) one.assertAlive();
      ends.assertReading();
      if (systemClock.monotonic() > end)
        throw new Error(`not all orders had ended after ${patienceMs / 1_000} s`);
      await systemClock.sleep(200, done.signal);
    }
    return new Promise<never>(() => undefined);
  };
  try {
    return await Promise.race([work(done.signal), watch()]);
  } finally {
    done.abort();
  }
}

/** The share of a load at its start that is not counted, while compilers warm up and queues fill. */
const WARM_UP = 0.2;

/** Computes the sagas that ended per second of a closed loop, from the warm-up until no more were placed. */
export function endsPerSecond({ startedMs, stoppedMs, offered }: Load): number {
  const fromMs = startedMs + WARM_UP * (stoppedMs - startedMs);
  const ended = offered.filter(({ endedMs }) => endedMs >= fromMs && endedMs < stoppedMs).length;
  return (ended * 1_000) / (stoppedMs - fromMs);
}

/** Computes the times from the intended start to the end, in milliseconds, without those of the warm-up. */
export function latenciesOf({ startedMs, stoppedMs, offered }: Load): readonly number[] {
  const fromMs = startedMs + WARM_UP * (stoppedMs - startedMs);
  return offered
    .filter(({ intendedMs }) => intendedMs >= fromMs)
    .map(({ intendedMs, endedMs }) => endedMs - intendedMs);
}
