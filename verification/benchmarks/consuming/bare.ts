import { decodeEnvelope, receive } from '@convergekit/contracts/engine';
import type { ReceivedEvent } from '@convergekit/contracts';
import type { IncomingBatch, PartitionControl } from '@convergekit/broker/engine';
import { kafkaBroker } from '@convergekit/kafka';
import { connect } from '@convergekit/postgres';
import { sql, type Transaction } from 'kysely';
import { type BenchData, benchEvent } from './bench-event.ts';
import { type EffectDb, insertMany, insertOne } from './effect.ts';
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

type Events = readonly ReceivedEvent<BenchData>[];

async function each(tx: Transaction<EffectDb>, events: Events): Promise<void> {
  for (const one of events) await insertOne(tx, one);
}

async function uuidEach(tx: Transaction<EffectDb>, events: Events): Promise<void> {
  for (const one of events) {
    const { numAffectedRows } =
      await sql`insert into inbox (event_id) values (${one.id}) on conflict do nothing`.execute(tx);
    if (numAffectedRows === 1n) await insertOne(tx, one);
  }
}

async function uuidBatch(tx: Transaction<EffectDb>, events: Events): Promise<void> {
  const ids = events.map(({ id }) => id);
  const { rows } = await sql<{ event_id: string }>`
    insert into inbox (event_id) select unnest(${ids}::uuid[]) on conflict do nothing returning event_id`.execute(
    tx,
  );
  const fresh = new Set(rows.map(({ event_id }) => event_id));
  await insertMany(
    tx,
    events.filter(({ id }) => fresh.has(id)),
  );
}

type Apply = (tx: Transaction<EffectDb>, events: Events) => Promise<void>;

const applies: Readonly<Partial<Record<Way, Apply>>> = {
  'bare-each': each,
  'bare-batch': insertMany,
  'uuid-each': uuidEach,
  'uuid-batch': uuidBatch,
};
