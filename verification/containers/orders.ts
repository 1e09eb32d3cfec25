import { randomUUID } from 'node:crypto';
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';

interface Order {
  readonly orderId: string;
  readonly state: string;
}

/**
 * Places an order and waits until it has gone through all services. Repeats the request with its key while the shop does
 * not answer. Resolves with the time from the first request, in milliseconds.
 */
export async function confirmedOrder(url: string): Promise<number> {
  const start = systemClock.monotonic();
  const body = JSON.stringify({
    country: 'CH',
    lines: [{ sku: 'article-1', quantity: 1, unitCents: 4_200 }],
  });
  const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
  const placed = await waitUntil(() => answerOf(`${url}/orders`, 201, { method: 'POST', headers, body }), {
    what: `an answer of ${url}/orders`,
  });
  await waitUntil(
    async () => {
      const order = await answerOf(`${url}/orders/${placed.orderId}`, 200);
      if (order?.state === 'cancelled') throw new Error(`order ${placed.orderId} was cancelled`);
      return order?.state === 'confirmed';
    },
    // A crashed broker has to start first, within the limits of its container.
    { what: `the confirmation of order ${placed.orderId}`, deadlineMs: 400_000 },
  );
  return systemClock.monotonic() - start;
}

/** Asks once. Resolves with undefined when nothing answers, or not with this status. */
async function answerOf(url: string, status: number, request: RequestInit = {}): Promise<Order | undefined> {
  const answer = async (): Promise<Order | undefined> => {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(5_000) });
    return response.status === status ? ((await response.json()) as Order) : undefined;
  };
  return answer().catch(() => undefined);
}
