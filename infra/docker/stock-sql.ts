import type { Executor } from '@convergekit/postgres';

/** Fills an empty stock: 1,000 pieces of article-1 to article-20. */
export async function fillStock(inventory: Executor): Promise<void> {
  await inventory.query(
    `insert into stock (sku, initial, on_hand) select 'article-' || n, 1000, 1000 from generate_series(1, 20) as n
       on conflict do nothing`,
  );
}
