import { EntitySchema, type MikroORM } from '@mikro-orm/postgresql';
import { executorFrom } from 'convergekit/postgres';
import { type Order, orderPlaced, outbox } from '../order-placed.ts';

export const orders = new EntitySchema<Order>({
  name: 'Order',
  tableName: 'orders',
  properties: { id: { type: 'text', primary: true }, cents: { type: 'integer' } },
});

export const place = (orm: MikroORM, order: Order) =>
  orm.em.fork().transactional(async (em) => {
    em.create(orders, order);
    await em.flush(); // otherwise the row is written after the event, which holds a lock meanwhile
    await outbox.append(executorFrom.mikroOrm(em), [orderPlaced(order)]);
  });
