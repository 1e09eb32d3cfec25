import { defineEvent } from '@converge/contracts';
import { connect, type Database, migrate } from '@converge/postgres';
import { z } from 'zod';
import { outboxMigrations } from './migrations.ts';
import { createOutbox, type Outbox, type OutboxOptions } from './outbox.ts';

export interface ShopDb {
  readonly orders: { readonly id: string; readonly cents: number };
}

export interface Shop {
  readonly database: Database<ShopDb>;
  readonly outbox: Outbox;
}

export const orderPlaced = defineEvent({
  type: 'shop.order.placed',
  version: 1,
  topic: 'shop.orders',
  key: ({ orderId }) => orderId,
  data: z.object({ orderId: z.string(), cents: z.number().optional(), note: z.string().optional() }),
});

/** The shop that tests of this package share: one business table beside the outbox. */
export async function openShop(
  url: string,
  options: OutboxOptions & { readonly max?: number } = {},
): Promise<Shop> {
  const database = connect<ShopDb>({ url, max: options.max ?? 20 });
  await migrate(database, [outboxMigrations]);
  await database.executor.query(
    'create table if not exists orders (id text primary key, cents int not null)',
  );
  return { database, outbox: createOutbox([orderPlaced], options) };
}

/** The keys in the outbox, by id. */
export async function keysOf({ database }: Shop): Promise<string[]> {
  const { rows } = await database.executor.query<{ key: string }>(
    'select key from converge.outbox order by id',
  );
  return rows.map((row) => row.key);
}

export async function ordersOf({ database }: Shop): Promise<string[]> {
  const { rows } = await database.executor.query<{ id: string }>('select id from orders order by id');
  return rows.map((row) => row.id);
}
