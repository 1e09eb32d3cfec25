import type { Producer } from 'kafkajs';
import type { Pool, PoolClient } from 'pg';
import type { Order, ServiceName } from '../order.ts';
import { type EventType, TOPIC_OF } from './reactions.ts';

/** The outbox and the events that were processed, in each service's database. */
export const TABLES = `
  create table outbox (
    id      bigint generated always as identity primary key,
    topic   text not null,
    key     text not null,
    type    text not null,
    payload text not null
  );
  create table processed (event_id text primary key)`;

/** Returns false when the event, or the request, was processed before. */
export async function isNew(client: PoolClient, id: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'insert into processed (event_id) values ($1) on conflict do nothing',
    [id],
  );
  return rowCount === 1;
}

export async function emit(client: PoolClient, type: EventType, order: Order): Promise<void> {
  await client.query('insert into outbox (topic, key, type, payload) values ($1, $2, $3, $4)', [
    TOPIC_OF[type],
    order.orderId,
    type,
    JSON.stringify(order),
  ]);
}

export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

interface Row {
  readonly id: string;
  readonly topic: ServiceName;
  readonly key: string;
  readonly type: EventType;
  readonly payload: string;
}

/**
 * Starts the relay: it publishes what the outbox has and deletes it, woken by this process, else every 100 ms, until the process
 * ends. A failure ends the process, which is started again. Returns the function to be called after a commit with events.
 */
export function startRelay(
  pool: Pool,
  producer: Producer,
  topicOf: (name: ServiceName) => string,
): () => void {
  let woken = Promise.withResolvers<undefined>();
  const publish = async (rows: readonly Row[]): Promise<void> => {
    await producer.sendBatch({
      topicMessages: [...Map.groupBy(rows, ({ topic }) => topic)].map(([topic, own]) => ({
        topic: topicOf(topic),
        messages: own.map(({ key, type, payload }) => ({
          key,
          value: payload,
          headers: { type, id: `${type}:${key}` },
        })),
      })),
    });
    await pool.query('delete from outbox where id = any ($1)', [rows.map(({ id }) => id)]);
  };
  const run = async (): Promise<never> => {
    for (;;) {
      woken = Promise.withResolvers();
      const { rows } = await pool.query<Row>(
        'select id, topic, key, type, payload from outbox order by id limit 1000',
      );
      if (rows.length > 0) await publish(rows);
      else {
        const timer = setTimeout(() => woken.resolve(undefined), 100);
        await woken.promise;
        clearTimeout(timer);
      }
    }
  };
  void run();
  return () => woken.resolve(undefined);
}
