import { executorFrom } from 'convergekit/postgres';
import { type DataSource, EntitySchema } from 'typeorm';
import { type Order, orderPlaced, outbox } from '../order-placed.ts';

export const orders = new EntitySchema<Order>({
  name: 'orders',
  columns: { id: { type: 'text', primary: true }, cents: { type: 'int' } },
});

export const place = (source: DataSource, order: Order) =>
  source.transaction(async (manager) => {
    await manager.insert(orders, order);
    await outbox.append(executorFrom.typeorm(manager), [orderPlaced(order)]);
  });
