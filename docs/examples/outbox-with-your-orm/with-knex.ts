import { executorFrom } from 'convergekit/postgres';
import type { Knex } from 'knex';
import { type Order, orderPlaced, outbox } from '../order-placed.ts';

export const place = (knex: Knex, order: Order) =>
  knex.transaction(async (trx) => {
    await trx('orders').insert(order);
    await outbox.append(executorFrom.knex(trx), [orderPlaced(order)]);
  });
