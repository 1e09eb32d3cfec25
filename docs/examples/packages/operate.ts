import { type AttentionItem, readAttention } from '@convergekit/operate';
import type { Executor } from '@convergekit/postgres';

/** Reads what needs a person in the database of the orders. */
export async function attentionOfOrders(executor: Executor): Promise<readonly AttentionItem[]> {
  const orders = { name: 'orders', executor };
  const bounds = { overdueMs: 900_000, stalledMs: 600_000, ignoredConsumers: [] };
  return (await readAttention(orders, [orders], bounds)).items;
}
