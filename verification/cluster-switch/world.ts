import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Broker } from '@convergekit/broker';
import { systemClock } from '@convergekit/core';
import { kafkaBroker } from '@convergekit/kafka';
import type { Database } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { embeddedKafka, embeddedPostgres, type EmbeddedServer, javaTools } from '@convergekit/testing/engine';
import { type EffectDb, PARTITIONS, TOPIC } from '../drills/events.ts';
import { createTopics, type Defer, open, prepare } from '../drills/services.ts';

export const CONSUMERS = ['stock', 'mail'] as const;
export type ConsumerName = (typeof CONSUMERS)[number];

/** One Kafka cluster of the drill. */
export interface Cluster {
  readonly server: EmbeddedServer;
  readonly broker: Broker;
}

/** A source, two consumers in databases of their own, and two clusters. */
export interface SwitchWorld {
  readonly a: Cluster;
  readonly b: Cluster;
  readonly ordersUrl: string;
  readonly orders: Database<EffectDb>;
  readonly consumerUrls: Readonly<Record<ConsumerName, string>>;
  readonly consumers: Readonly<Record<ConsumerName, Database<EffectDb>>>;
}

export async function buildWorld(folder: string, defer: Defer): Promise<SwitchWorld> {
  const postgres = await embeddedPostgres();
  defer(() => postgres.dispose());
  await postgres.start();
  const [a, b] = [await startCluster(defer), await startCluster(defer)];
  for (const { broker } of [a, b]) await createTopics(broker, CONSUMERS);
  await shiftOffsets(b, folder);
  const database = async (name: string): Promise<{ url: string; database: Database<EffectDb> }> => {
    const url = await freshDatabase(postgres.address, name);
    const opened = open<EffectDb>(url, defer);
    await prepare(opened);
    return { url, database: opened };
  };
  const [orders, stock, mail] = [await database('orders'), await database('stock'), await database('mail')];
  return {
    a,
    b,
    ordersUrl: orders.url,
    orders: orders.database,
    consumerUrls: { stock: stock.url, mail: mail.url },
    consumers: { stock: stock.database, mail: mail.database },
  };
}

async function startCluster(defer: Defer): Promise<Cluster> {
  const server = await embeddedKafka();
  defer(() => server.dispose());
  await server.start();
  const broker = kafkaBroker({
    brokers: [server.address],
    clientId: 'cluster-switch',
    requestTimeoutMs: 3_000,
  });
  defer(() => broker.close());
  return { server, broker };
}

/** Makes the logs of a cluster begin at other offsets: by records that are written, and deleted before their end. */
async function shiftOffsets({ server, broker }: Cluster, folder: string): Promise<void> {
  const producer = await broker.producer();
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: TOPIC,
    partition,
    offset: 3_000 + 1_000 * partition,
  }));
  for (const { topic, partition, offset } of partitions) {
    const record = { key: null, value: 'filler', headers: [], timestampMs: systemClock.now() };
    for (let written = 0; written < offset; written += 1_000) {
      const records = Array.from({ length: Math.min(1_000, offset - written) }, () => record);
      const [sent] = await producer.send([{ topic, partition, records }]);
      if (sent?.ok !== true) throw new Error(`the filler of ${topic}/${partition} was not written`);
    }
  }
  await producer.close();
  const file = join(folder, 'delete-records.json');
  writeFileSync(file, JSON.stringify({ version: 1, partitions }));
  const args = ['--offset-json-file', file];
  await javaTools(server.address).run('org.apache.kafka.tools.DeleteRecordsCommand', args, {
    onLine: () => undefined,
  });
}
