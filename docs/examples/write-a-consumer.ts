import { BusinessRejection, defineConsumer, defineEvent, defineService } from 'convergekit';
import { sql } from 'kysely';
import { z } from 'zod';

const order = z.object({ orderId: z.string(), sku: z.string(), pieces: z.int().positive() });
const price = z.object({ sku: z.string(), cents: z.int().positive() });
const view = z.object({ sku: z.string(), visitor: z.string() });

export const orderPlaced = defineEvent('shop.order.placed', {
  version: 1,
  topic: 'store.orders',
  key: ({ sku }) => sku,
  data: order,
});
export const priceChanged = defineEvent('shop.price.changed', {
  version: 1,
  topic: 'store.prices',
  key: ({ sku }) => sku,
  data: price,
});
export const pageViewed = defineEvent('shop.page.viewed', {
  version: 1,
  topic: 'store.views',
  key: ({ sku }) => sku,
  data: view,
});
export const stockReserved = defineEvent('shop.stock.reserved', {
  version: 1,
  topic: 'store.stock',
  key: ({ orderId }) => orderId,
  data: order,
});

export interface StockDb {
  stock: { sku: string; free: number };
  reservation: z.infer<typeof order>;
  price: z.infer<typeof price>;
  view: z.infer<typeof view>;
}

export const TABLES = `
  create table stock (sku text primary key, free int not null check (free >= 0));
  create table reservation ("orderId" text primary key, sku text not null, pieces int not null);
  create table price (sku text primary key, cents int not null);
  create table view (sku text not null, visitor text not null)`;

export const stock = defineConsumer<StockDb>('warehouse')
  // The result of the statement decides what follows: await it.
  .on(orderPlaced, async ({ data }, { tx, write, emit }) => {
    const taken = await tx
      .updateTable('stock')
      .set(({ eb }) => ({ free: eb('free', '-', data.pieces) }))
      .where('sku', '=', data.sku)
      .where('free', '>=', data.pieces)
      .executeTakeFirst();
    if (taken.numUpdatedRows === 0n)
      throw new BusinessRejection(`${data.pieces} of ${data.sku} are not there`);
    write(tx.insertInto('reservation').values(data));
    emit(stockReserved(data));
  })
  // The result is not needed: write.
  .on(pageViewed, ({ data }, { tx, write }) => {
    write(tx.insertInto('view').values(data));
  })
  // One statement for all events of a slice. Only the last of each key: `on conflict` updates no row twice.
  .onBatch(priceChanged, async (events, { tx }) => {
    const last = new Map(events.map(({ data }) => [data.sku, data.cents]));
    await sql`
      insert into price select * from unnest(${[...last.keys()]}::text[], ${[...last.values()]}::int[])
      on conflict (sku) do update set cents = excluded.cents`.execute(tx);
  });

/** A consumer that trusts the source `orders` by its id; all other sources are foreign. */
export const trusting = defineConsumer<StockDb>('warehouse', {
  sources: { orders: '0197c3f4-6a1e-7c31-9d53-2f8b1a6e4c07' },
});

/** The process: it continues from its database, ends its work at the first signal, and exits at once at the second. */
export const warehouse = defineService('warehouse', { consumers: [stock], emits: [stockReserved] });
