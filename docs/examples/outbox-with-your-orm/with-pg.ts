import { executorFrom } from 'convergekit/postgres';
import type { Pool } from 'pg';
import { type Order, orderPlaced, outbox } from '../order-placed.ts';

export async function place(pool: Pool, order: Order): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('insert into orders (id, cents) values ($1, $2)', [order.id, order.cents]);
    await outbox.append(executorFrom.pg(client), [orderPlaced(order)]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
