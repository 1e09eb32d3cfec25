import type { Producer } from 'kafkajs';
import type { Pool, PoolClient } from 'pg';
import type { Order } from '../order.ts';
import { type EventType, type ServiceName, TOPIC_OF } from './reactions.ts';

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

/** Runs `work` in a transaction of its own connection. */
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

/** The relay: publishes what the outbox has and deletes it, woken by this process, else every 100 ms. */
export class Relay {
  readonly #pool: Pool;
  readonly #producer: Producer;
  readonly #topic: (name: ServiceName) => string;
  #wake: () => void = () => undefined;
  #isWoken = false;

  constructor(pool: Pool, producer: Producer, topic: (name: ServiceName) => string) {
    this.#pool = pool;
    this.#producer = producer;
    this.#topic = topic;
  }

  /** Called after a commit with events. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Runs until the process ends. A failure ends the process, which is started again. */
  async run(): Promise<never> {
    for (;;) {
      this.#isWoken = false;
      const { rows } = await this.#pool.query<Row>(
        'select id, topic, key, type, payload from outbox order by id limit 1000',
      );
      if (rows.length === 0) await this.#rest();
      else await this.#publish(rows);
    }
  }

  async #publish(rows: readonly Row[]): Promise<void> {
    const topics = [...new Set(rows.map(({ topic }) => topic))];
    await this.#producer.sendBatch({
      topicMessages: topics.map((topic) => ({
        topic: this.#topic(topic),
        messages: rows
          .filter((row) => row.topic === topic)
          .map(({ key, type, payload }) => ({
            key,
            value: payload,
            headers: { type, id: `${type}:${key}` },
          })),
      })),
    });
    await this.#pool.query('delete from outbox where id = any ($1)', [rows.map(({ id }) => id)]);
  }

  async #rest(): Promise<void> {
    if (this.#isWoken) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), 100);
    this.#wake = () => resolve(undefined);
    await promise;
    clearTimeout(timer);
  }
}
