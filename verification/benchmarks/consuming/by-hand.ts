import type { ReceivedEvent } from '@convergekit/contracts';
import { decodeEnvelope, receive } from '@convergekit/contracts/engine';
import type { IncomingBatch, PartitionControl } from '@convergekit/broker/engine';
import { kafkaBroker } from '@convergekit/kafka';
import { connect } from '@convergekit/postgres';
import { Kafka, logLevel } from 'kafkajs';
import { sql, type Transaction } from 'kysely';
import { Pool } from 'pg';
import { type BenchData, benchEvent, type EffectDb, insertMany, insertOne } from './effect.ts';
import { inTransaction } from '../sagas/by-hand/outbox.ts';
import type { Orders, Stop, Way } from './ways.ts';

/** The number of events in a slice, equal to the kit's. */
const SLICES = { each: 500, batch: 1_500 };

/** Consumes without the kit's inbox, with no deduplication or with a row per event. */
export async function bare(orders: Orders): Promise<Stop> {
  const { topic, group, databaseUrl, brokers, driver, way } = orders;
  const database = connect<EffectDb>({ url: databaseUrl, applicationName: way });
  const broker = kafkaBroker({ driver, brokers: brokers.split(','), clientId: way });
  const event = benchEvent(topic);
  const apply = applies[way];
  if (apply === undefined) throw new Error(`${way} is not bare`);
  const most = way.endsWith('batch') ? SLICES.batch : SLICES.each;
  const batch = async ({ records }: IncomingBatch, control: PartitionControl): Promise<void> => {
    for (let at = 0; at < records.length; at += most) {
      const slice = records.slice(at, at + most).map((record) => receive(decodeEnvelope(record), event));
      await database.db.transaction().execute((tx) => apply(tx, slice));
    }
    await control.commit((records.at(-1)?.offset ?? 0n) + 1n);
  };
  const consumer = broker.consumer({
    groupId: group,
    topics: [topic],
    handlers: { assigned: () => Promise.resolve(new Map()), revoked: () => undefined, batch },
  });
  await consumer.start();
  return async () => {
    await consumer.stop();
    await broker.close();
    await database.close();
  };
}

type Apply = (tx: Transaction<EffectDb>, events: readonly ReceivedEvent<BenchData>[]) => Promise<void>;

const each: Apply = async (tx, events) => {
  for (const one of events) await insertOne(tx, one);
};

const uuidEach: Apply = async (tx, events) => {
  for (const one of events) {
    const { numAffectedRows } =
      await sql`insert into inbox (event_id) values (${one.id}) on conflict do nothing`.execute(tx);
    if (numAffectedRows === 1n) await insertOne(tx, one);
  }
};

const uuidBatch: Apply = async (tx, events) => {
  const ids = events.map(({ id }) => id);
  const insert = sql<{ event_id: string }>`
    insert into inbox (event_id) select unnest(${ids}::uuid[]) on conflict do nothing returning event_id`;
  const fresh = new Set((await insert.execute(tx)).rows.map(({ event_id }) => event_id));
  const rows = events.filter(({ id }) => fresh.has(id));
  await insertMany(tx, rows);
};

const applies: Readonly<Partial<Record<Way, Apply>>> = {
  'bare-each': each,
  'bare-batch': insertMany,
  'uuid-each': uuidEach,
  'uuid-batch': uuidBatch,
};

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
      await applyMessage(pool, id, message.key?.toString() ?? '', n);
    },
  });
  return async () => {
    await consumer.disconnect();
    await pool.end();
  };
}

function applyMessage(pool: Pool, id: string, key: string, n: number): Promise<void> {
  return inTransaction(pool, async (client) => {
    const insert = 'insert into inbox (event_id) values ($1) on conflict do nothing';
    if ((await client.query(insert, [id])).rowCount === 1)
      await client.query('insert into effect (event_id, key, n) values ($1, $2, $3)', [id, key, n]);
  });
}
