import type { CallContext, CompensationContext } from 'convergekit';
import { z } from 'zod';

/** The provider's state of an order's charge. */
export type Charge =
  | { readonly kind: 'taken'; readonly chargeId: string; readonly refunded: boolean }
  | { readonly kind: 'declined'; readonly reason: string };

/** What goes with a call: the end of its attempt, and the headers with its trace and deadline. */
type Sent = Pick<CallContext, 'signal' | 'headers'>;

export interface Provider {
  charge(orderId: string, amountCents: number, sent: Sent): Promise<Charge>;
  /** Refunds the whole charge that was made with this key, once, however often it is called. */
  refund(
    chargeKey: string,
    amountCents: number,
    sent: Sent & Pick<CompensationContext, 'undoKey'>,
  ): Promise<void>;
  /** Returns the state of the charge; undefined if the provider does not know it. */
  find(orderId: string, sent: Sent): Promise<Charge | undefined>;
}

const body = z.object({
  chargeId: z.string(),
  state: z.enum(['taken', 'declined']),
  reason: z.string().nullish(),
  refunded: z.boolean(),
});

/**
 * Calls the payment provider over HTTP. The order's id is the idempotency key, so an order is charged once.
 * A failed call rejects with its status or its connection error, from which the kit classifies whether it took effect.
 */
export function providerClient(url: string): Provider {
  const call = async (path: string, init: RequestInit): Promise<Charge | undefined> => {
    const response = await fetch(new URL(path, url), init);
    return parseCharge(response.status, await response.json().catch(() => undefined));
  };
  const post = (path: string, key: string, data: object, { signal, headers }: Sent) =>
    call(path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(data),
      signal,
    });
  return {
    charge: async (orderId, amountCents, sent) =>
      (await post('/charges', orderId, { amountCents }, sent)) ?? unknownCharge(orderId),
    refund: async (chargeKey, amountCents, sent) => {
      const refunded = await post('/refunds', sent.undoKey, { chargeKey, amountCents }, sent);
      if (refunded === undefined) unknownCharge(chargeKey);
    },
    find: (orderId, { signal, headers }) => call(`/charges/${orderId}`, { signal, headers: { ...headers } }),
  };
}

/** Parses a status and a body. Throws an error with the status if they do not describe the charge. */
export function parseCharge(status: number, answer: unknown): Charge | undefined {
  if (status === 404) return undefined;
  const parsed = body.safeParse(answer);
  if (!parsed.success || (status >= 300 && status !== 402))
    throw Object.assign(new Error(`the provider answered HTTP ${status}`), { status });
  const { state, chargeId, reason, refunded } = parsed.data;
  if (state === 'declined') return { kind: 'declined', reason: reason ?? 'the card was declined' };
  return { kind: 'taken', chargeId, refunded };
}

function unknownCharge(key: string): never {
  throw Object.assign(new Error(`the provider knows no charge with the key ${key}`), { status: 404 });
}
