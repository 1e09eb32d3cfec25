import { waitUntil } from '@convergekit/testing';

interface Order {
  readonly orderId: string;
  readonly status: string;
  readonly reason: string | null;
}

/** An order that is placed, and how it ends. */
interface Expected {
  readonly key: string;
  readonly body: { readonly cents: number; readonly sku?: string; readonly pieces?: number };
  readonly status: string;
  readonly reason: string | null;
}

/** The orders of the guide, and how each ends. */
export const ORDERS: readonly Expected[] = [
  { key: 'a1', body: { sku: 'book', pieces: 2, cents: 4_200 }, status: 'shipped', reason: null },
  {
    key: 'a2',
    body: { sku: 'book', pieces: 2, cents: 420_000 },
    status: 'declined',
    reason: 'over the limit of this card',
  },
  {
    key: 'a3',
    body: { sku: 'anvil', pieces: 1, cents: 4_200 },
    status: 'undeliverable',
    reason: 'the carrier refused it',
  },
];

/** Those of the two services. */
export const PAIR_ORDERS: readonly Expected[] = [
  { key: 'a1', body: { cents: 4_200 }, status: 'paid', reason: null },
  { key: 'a2', body: { cents: 420_000 }, status: 'declined', reason: 'over the limit of this card' },
];

/** Places orders at a service that starts, and waits for their ends. Rejects when one ends otherwise. */
export async function checkOrders(
  url: string,
  orders: readonly Expected[],
  say: (what: string) => void,
): Promise<void> {
  await waitUntil(() => answers(url), { what: `an answer of ${url}` });
  say('answers');
  for (const { key, body, status, reason } of orders) {
    const placed = await post(url, key, body);
    const again = await post(url, key, body);
    if (again.orderId !== placed.orderId) throw new Error(`the repeat of ${key} made another order`);
    const ended = await waitUntil(
      async () => {
        const order = (await (await fetch(`${url}/${placed.orderId}`)).json()) as Order;
        return order.status === 'placed' ? undefined : order;
      },
      { what: `the end of order ${key}` },
    );
    if (ended.status !== status || ended.reason !== reason)
      throw new Error(`order ${key} ended ${ended.status} (${ended.reason ?? 'no reason'}), not ${status}`);
    say(`an order of ${body.cents} cents is ${status}${reason === null ? '' : `: ${reason}`}`);
  }
}

async function post(url: string, key: string, body: object): Promise<Order> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (answer.status !== 201) throw new Error(`POST ${url} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Order;
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/none`).then(
    ({ status }) => status === 404,
    () => false,
  );
}
