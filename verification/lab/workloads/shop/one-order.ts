import { waitUntil } from '@convergekit/testing';
import { sendJson } from '../../../programs.ts';
import type { Shop } from './shop.ts';

/** An order that the carrier refuses: its payment is refunded, then its stock released. */
export const refusedByCarrier = { lines: [{ sku: 'cup', quantity: 1, unitCents: 900 }], country: 'AQ' };

/** Places an order with these headers. Returns its id. */
export async function placeOne(
  { ordersUrl }: Pick<Shop, 'ordersUrl'>,
  order: object,
  headers: Readonly<Record<string, string>>,
  query = '',
): Promise<string> {
  const answer = await sendJson(new URL(`/orders${query}`, ordersUrl), order, { headers });
  return (JSON.parse(answer) as { readonly orderId: string }).orderId;
}

/** Waits until an order is cancelled: all that was done for it has been undone. */
export async function untilCancelled({ ordersUrl }: Pick<Shop, 'ordersUrl'>, orderId: string): Promise<void> {
  const state = async (): Promise<unknown> => {
    const response = await fetch(new URL(`/orders/${orderId}`, ordersUrl));
    return ((await response.json()) as { readonly state: unknown }).state;
  };
  await waitUntil(async () => (await state()) === 'cancelled', {
    what: `order ${orderId} to be cancelled`,
    deadlineMs: 60_000,
  });
}
