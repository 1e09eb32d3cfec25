import { z } from 'zod';

/** What the provider has of an order. */
export type Charge =
  | { readonly kind: 'taken'; readonly chargeId: string; readonly refunded: boolean }
  | { readonly kind: 'declined'; readonly reason: string };

export interface Provider {
  charge(orderId: string, amountCents: number, signal: AbortSignal): Promise<Charge>;
  /** All of the charge, once, however often it is called. */
  refund(orderId: string, amountCents: number, signal: AbortSignal): Promise<void>;
  /** What became of the charge; undefined when the provider has not heard of it. */
  find(orderId: string, signal: AbortSignal): Promise<Charge | undefined>;
}

const body = z.object({
  chargeId: z.string(),
  state: z.enum(['taken', 'declined']),
  reason: z.string().nullish(),
  refunded: z.boolean(),
});

/**
 * The payment provider over HTTP. The order's id is the idempotency key, so an order is charged once. What goes wrong
 * rejects with what the kit needs to tell whether it took effect: the status, or what the connection said.
 */
export function providerClient(url: string): Provider {
  const call = async (path: string, init: RequestInit): Promise<Charge | undefined> => {
    const response = await fetch(new URL(path, url), init);
    return meaning(response.status, await response.json().catch(() => undefined));
  };
  const post = (path: string, key: string, sent: object, signal: AbortSignal) =>
    call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(sent),
      signal,
    });
  return {
    charge: async (orderId, amountCents, signal) =>
      (await post('/charges', orderId, { amountCents }, signal)) ?? missing(orderId),
    refund: async (orderId, amountCents, signal) => {
      await post('/refunds', `${orderId}:refund`, { chargeKey: orderId, amountCents }, signal);
    },
    find: (orderId, signal) => call(`/charges/${orderId}`, { signal }),
  };
}

/** What a status and a body say. Throws with the status where they say nothing about the charge. */
export function meaning(status: number, answer: unknown): Charge | undefined {
  if (status === 404) return undefined;
  const parsed = body.safeParse(answer);
  if (!parsed.success || (status >= 300 && status !== 402))
    throw Object.assign(new Error(`the provider answered HTTP ${status}`), { status });
  const { state, chargeId, reason, refunded } = parsed.data;
  if (state === 'declined') return { kind: 'declined', reason: reason ?? 'the card was declined' };
  return { kind: 'taken', chargeId, refunded };
}

function missing(orderId: string): never {
  throw Object.assign(new Error(`the provider knows no charge of ${orderId}`), { status: 404 });
}
