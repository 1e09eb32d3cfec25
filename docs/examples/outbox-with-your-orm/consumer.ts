import { defineConsumer } from 'convergekit';
import { drizzle } from 'drizzle-orm/node-postgres';
import type { DataSource, EntityManager } from 'typeorm';
import { orderPlaced } from '../order-placed.ts';
import { orders as drizzleOrders } from './with-drizzle.ts';
import { orders as typeOrmOrders } from './with-typeorm.ts';

export const copyWithDrizzle = defineConsumer('copy-with-drizzle', { from: 'first' }).on(
  orderPlaced,
  async ({ data }, { pgClient }) => {
    const db = drizzle(await pgClient());
    await db.insert(drizzleOrders).values(data);
  },
);

export const copyWithTypeOrm = (source: DataSource) =>
  defineConsumer('copy-with-typeorm', { from: 'first' }).on(orderPlaced, async ({ data }, { pgClient }) => {
    const manager = managerOn(source, await pgClient());
    await manager.insert(typeOrmOrders, data);
  });

/** TypeORM takes no client, so a query runner gets it, with the transaction that is open on it. */
function managerOn(source: DataSource, client: unknown): EntityManager {
  const runner = source.createQueryRunner();
  Object.assign(runner, { databaseConnection: client, isTransactionActive: true, transactionDepth: 1 });
  return runner.manager;
}
