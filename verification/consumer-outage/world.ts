import { defineEvent } from '@convergekit/contracts';
import { type ConsumerService, consumerService, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import type { Broker } from '@convergekit/broker';
import { type DriverName, kafkaBroker } from '@convergekit/kafka';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { relay, relayMigrations } from '@convergekit/relay';
import { embeddedKafka, embeddedPostgres, type EmbeddedServer } from '@convergekit/testing/engine';
import { freshDatabase } from '@convergekit/testing';
import { z } from 'zod';

const TOPIC = 'outage.counted';
export const counted = defineEvent({
  type: TOPIC,
  version: 1,
  topic: TOPIC,
  key: ({ key }: { key: string; n: number }) => key,
  data: z.object({ key: z.string(), n: z.int() }),
});
export const outbox = createOutbox([counted]);

interface StockDb {
  effect: { line?: number; event_id: string; key: string; n: number };
}

/** A source with its relay, and a consumer in another database, on a separate Postgres and Kafka. */
export interface World {
  readonly postgres: EmbeddedServer;
  readonly kafka: EmbeddedServer;
  readonly orders: Database;
  readonly stock: Database<StockDb>;
  readonly consumer: ConsumerService;
}

/** Registers what must be undone, the last first, whatever happens. */
export type Defer = (undo: () => Promise<unknown>) => void;

const silence = (): void => undefined;
const quiet = { debug: silence, info: silence, warn: silence, error: silence };

export async function buildWorld(driver: DriverName, defer: Defer): Promise<World> {
  const postgres = await embeddedPostgres();
  defer(() => postgres.dispose());
  const kafka = await embeddedKafka();
  defer(() => kafka.dispose());
  await Promise.all([postgres.start(), kafka.start()]);
  const orders = await open(postgres, 'orders', defer);
  const stock = await open<StockDb>(postgres, 'stock', defer);
  await migrate(orders, [outboxMigrations, relayMigrations]);
  await migrate(stock, [outboxMigrations, inboxMigrations]);
  await stock.executor.query(
    'create table effect (line bigint generated always as identity, event_id text not null, key text not null, n int not null)',
  );
  const broker = kafkaBroker({ driver, brokers: [kafka.address], clientId: 'outage' });
  defer(() => broker.close());
  await makeTopics(broker);
  const sending = relay({ database: orders, broker, log: quiet });
  const consumer = consumerService([stockConsumer()], { database: stock, broker });
  for (const service of [sending, consumer]) {
    defer(() => service.stop());
    await service.start();
  }
  return { postgres, kafka, orders, stock, consumer };
}

function stockConsumer() {
  return defineConsumer<StockDb>({ name: 'stock', from: 'beginning' }).on(
    counted,
    async ({ id, data }, { tx }) => {
      await tx.insertInto('effect').values({ event_id: id, key: data.key, n: data.n }).execute();
    },
  );
}

async function open<DB>(postgres: EmbeddedServer, name: string, defer: Defer): Promise<Database<DB>> {
  const url = await freshDatabase(postgres.address, name);
  const database = connect<DB>({ url, applicationName: name, connectTimeoutMs: 2_000, onIdleError: silence });
  defer(() => database.close());
  return database;
}

async function makeTopics(broker: Broker): Promise<void> {
  const admin = await broker.admin();
  for (const name of [TOPIC, 'stock.failures']) await admin.createTopic({ name, partitions: 3 });
  await admin.close();
}
