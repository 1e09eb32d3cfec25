import { consumerService, defineConsumer } from '@converge/inbox';
import { kafkaBroker } from '@converge/kafka';
import { connect } from '@converge/postgres';
import { benchEvent } from './bench-event.ts';
import { type EffectDb, insertMany, insertOne } from './effect.ts';
import type { Orders, Stop } from './ways.ts';

/** The kit, every setting default. */
export async function converge(orders: Orders): Promise<Stop> {
  const { topic, group, databaseUrl, brokers, driver, way } = orders;
  const database = connect<EffectDb>({ url: databaseUrl, applicationName: way });
  const broker = kafkaBroker({ driver, brokers: brokers.split(','), clientId: way });
  const event = benchEvent(topic);
  const empty = defineConsumer<EffectDb>({ name: group, from: 'beginning' });
  const consumer =
    way === 'converge-batch'
      ? empty.onBatch(event, (events, { tx }) => insertMany(tx, events))
      : empty.on(event, (one, { tx }) => insertOne(tx, one));
  const service = consumerService([consumer], { database, broker });
  await service.start();
  return async () => {
    await service.stop();
    await broker.close();
    await database.close();
  };
}
