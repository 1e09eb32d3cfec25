import { executorFrom } from 'convergekit/postgres';
import type { Kysely } from 'kysely';
import { type Order, orderPlaced, outbox } from '../order-placed.ts';

export interface ShopDb {
  orders: Order;
}

/** With `outbox.transaction`: it also reruns after a conflict, has savepoints, and finds out about a lost COMMIT. */
export const place = (db: Kysely<ShopDb>, order: Order) =>
  outbox.transaction(db, async ({ tx, emit }) => {
    await tx.insertInto('orders').values(order).execute();
    emit(orderPlaced(order));
  });

/** In a transaction of your own. */
export const placeInMine = (db: Kysely<ShopDb>, order: Order) =>
  db.transaction().execute(async (tx) => {
    await tx.insertInto('orders').values(order).execute();
    await outbox.append(executorFrom.kysely(tx), [orderPlaced(order)]);
  });
