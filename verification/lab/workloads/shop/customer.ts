import type { Clock, Random } from '@convergekit/core';
import type { Wish } from './orders.ts';

export interface Customer {
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the patience of all customers. */
  readonly signal: AbortSignal;
}

export interface Served {
  /** The answers to this request's key: more than one order is a fault. */
  readonly orderIds: ReadonlySet<string>;
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
  const orderIds = new Set(first.filter((id) => id !== undefined));
  let attempts = first.length;
  while (orderIds.size === 0 && !customer.signal.aborted) {
    await customer.clock.sleep(Math.min(1_000, 50 * 2 ** attempts) * customer.random(), customer.signal);
    const id = await send(customer, wish, undefined);
    if (id !== undefined) orderIds.add(id);
    attempts += 1;
  }
  const [orderId] = orderIds;
  if (wish.cancelAfterMs !== undefined && orderId !== undefined) {
    await customer.clock.sleep(wish.cancelAfterMs, customer.signal);
    await callOff(customer, orderId);
  }
  return { orderIds, attempts };
}

/** Cancels an order until there is an answer: cancelled, cancelled later, or already shipped (409). */
async function callOff({ url, clock, signal }: Customer, orderId: string): Promise<void> {
  while (!signal.aborted) {
    const status = await fetch(new URL(`/orders/${orderId}/cancel`, url), {
      method: 'POST',
      signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
    }).then(
      async (response) => response.text().then(() => response.status),
      () => 500,
    );
    if (status < 500) return;
    await clock.sleep(200, signal);
  }
}

/** Sends a request; undefined when no answer came or the server failed. */
async function send(
  { url, signal }: Customer,
  { requestKey, body }: Wish,
  cutAfterMs: number | undefined,
): Promise<string | undefined> {
  const end = AbortSignal.timeout(Math.ceil(cutAfterMs ?? 5_000));
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL('/orders', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': requestKey },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, end]),
    });
    text = await response.text();
  } catch {
    return undefined;
  }
  if (response.status >= 500) return undefined;
  if (response.status !== 201)
    throw new Error(`the shop refused ${requestKey}: HTTP ${response.status} ${text}`);
  return (JSON.parse(text) as { orderId: string }).orderId;
}
