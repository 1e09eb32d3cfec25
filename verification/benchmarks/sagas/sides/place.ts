import type { Order } from '../order.ts';

/**
 * Places orders by POST at a URL, under the order's id as `Idempotency-Key` unless `keyed` is false because the URL
 * has the id. Any answer but 2xx rejects.
 */
export function placeAt(
  url: string | ((order: Order) => string),
  keyed = true,
): (order: Order) => Promise<void> {
  return async (order) => {
    const response = await fetch(typeof url === 'string' ? url : url(order), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(keyed ? { 'idempotency-key': order.orderId } : {}),
      },
      body: JSON.stringify(order),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`an order was not accepted: HTTP ${response.status} ${text.slice(0, 200)}`);
  };
}
