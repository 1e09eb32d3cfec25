import type { Random } from '@convergekit/core';
import { randomUUID } from 'node:crypto';
import { type Customer, placeOrder } from './customer.ts';
import { wish } from './orders.ts';

export interface DriveOptions {
  readonly customer: Customer;
  readonly perSecond: number;
  readonly seconds: number;
  readonly random: Random;
}

export interface Driven {
  readonly requestKey: string;
  readonly orderIds: ReadonlySet<string>;
  readonly attempts: number;
}

export interface Drive {
  /** Orders that a customer has an answer for, so far. */
  readonly answered: readonly Driven[];
  readonly sent: number;
  /** Resolves when the last customer has an answer; rejects when the shop refused one for good. */
  readonly done: Promise<void>;
}

/** Sends customers at a fixed rate, whether the shop keeps up or not (an open loop). */
export function drive({ customer, perSecond, seconds, random }: DriveOptions): Drive {
  const { clock, signal } = customer;
  const answered: Driven[] = [];
  const state = { sent: 0 };
  const run = async (): Promise<void> => {
    const begin = clock.monotonic();
    const waiting: Promise<void>[] = [];
    for (let n = 0; n < perSecond * seconds && !signal.aborted; n += 1) {
      const wait = begin + (n * 1_000) / perSecond - clock.monotonic();
      if (wait > 0) await clock.sleep(wait, signal);
      const next = wish(random, randomUUID());
      state.sent += 1;
      const one = placeOrder(customer, next).then((served) => {
        answered.push({ requestKey: next.requestKey, ...served });
      });
      // Kept for Promise.all below; a rejection in the meantime is not unhandled.
      one.catch(() => undefined);
      waiting.push(one);
    }
    await Promise.all(waiting);
  };
  const done = run();
  done.catch(() => undefined);
  return {
    answered,
    get sent() {
      return state.sent;
    },
    done,
  };
}
