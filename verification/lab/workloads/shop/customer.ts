import type { Clock, Random } from '@convergekit/core';
import type { Answered } from '../../../checker/check.ts';
import { ask } from '../ask.ts';
import type { Wish } from './orders.ts';

export interface Customer {
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the patience of all customers. */
  readonly signal: AbortSignal;
}

export interface Served extends Pick<Answered, 'ids'> {
  readonly attempts: number;
}

/**
 * Places an order as a patient client: after a broken connection or server error, repeats the request with the same
 * key. Rejects only when the server refuses for good.
 */
export async function placeOrder(customer: Customer, wish: Wish): Promise<Served> {
  const cut = wish.cutAfterMs;
  const first = wish.twice
    ? await Promise.all([send(customer, wish, cut), send(customer, wish, undefined)])
    : [await send(customer, wish, cut)];
  const ids = new Set(first.filter((id) => id !== undefined));
  let attempts = first.length;
  while (ids.size === 0 && !customer.signal.aborted) {
    await customer.clock.sleep(Math.min(1_000, 50 * 2 ** attempts) * customer.random(), customer.signal);
    const id = await send(customer, wish, undefined);
    if (id !== undefined) ids.add(id);
    attempts += 1;
  }
  const [orderId] = ids;
  if (wish.cancelAfterMs !== undefined && orderId !== undefined) {
    await customer.clock.sleep(wish.cancelAfterMs, customer.signal);
    await callOff(customer, orderId);
  }
  return { ids, attempts };
}

/** Cancels an order until there is an answer: cancelled, cancelled later, or already shipped (409). */
async function callOff({ url, clock, signal }: Customer, orderId: string): Promise<void> {
  const cancel = new URL(`/orders/${orderId}/cancel`, url);
  while (!signal.aborted && (await ask(cancel, { body: {}, signal })) === undefined)
    await clock.sleep(200, signal);
}

/** Sends a request; undefined when no answer came or the server failed. */
async function send(
  { url, signal }: Customer,
  { requestKey, body }: Wish,
  cutAfterMs: number | undefined,
): Promise<string | undefined> {
  const headers = { 'idempotency-key': requestKey };
  const answer = await ask(new URL('/orders', url), { body, headers, signal, cutAfterMs });
  if (answer === undefined) return undefined;
  if (answer.status !== 201)
    throw new Error(`the shop refused ${requestKey}: HTTP ${answer.status} ${answer.text}`);
  return (JSON.parse(answer.text) as { orderId: string }).orderId;
}
