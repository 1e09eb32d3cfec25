import { Kafka, logLevel } from 'kafkajs';
import { Pool } from 'pg';
import type { Orders, Stop } from './ways.ts';

/** The number of open transactions: every partition has one. */
const PARTITIONS = 6;

/** Consumes with the usual inbox of kafkajs and pg users: a row per event id, a transaction per event. */
export async function kafkajsEachMessage(orders: Orders): Promise<Stop> {
  const { topic, group, databaseUrl, brokers, way } = orders;
  const pool = new Pool({ connectionString: databaseUrl, max: PARTITIONS, application_name: way });
  const client = new Kafka({ brokers: brokers.split(','), clientId: way, logLevel: logLevel.ERROR });
  const consumer = client.consumer({ groupId: group });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    partitionsConsumedConcurrently: PARTITIONS,
    eachMessage: async ({ message }) => {
      const id = message.headers?.['ce_id']?.toString() ?? '';
      const { n } = JSON.parse(message.value?.toString() ?? '{}') as { n: number };
      await apply(pool, id, message.key?.toString() ?? '', n);
    },
  });
  return async () => {
    await consumer.disconnect();
    await pool.end();
  };
}

async function apply(pool: Pool, id: string, key: string, n: number): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rowCount } = await client.query(
      'insert into inbox (event_id) values ($1) on conflict do nothing',
      [id],
    );
    if (rowCount === 1)
      await client.query('insert into effect (event_id, key, n) values ($1, $2, $3)', [id, key, n]);
    await client.query('commit');
    client.release();
  } catch (error) {
    client.release(true); // the server rolls back
    throw error;
  }
}
