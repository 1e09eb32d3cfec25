import { join } from 'node:path';
import type { Broker } from '@convergekit/broker';
import { kafkaBroker } from '@convergekit/kafka';
import { connect, type Database } from '@convergekit/postgres';
import { embeddedKafka, embeddedPostgres, type EmbeddedServer } from '@convergekit/testing/engine';
import type { EffectDb } from '../drills/events.ts';
import { createTopics, type Defer, open, prepare } from '../drills/services.ts';

export const DATABASES = ['orders', 'stock'] as const;
export type DatabaseName = (typeof DATABASES)[number];

/** One of the two servers. The old one has the databases from the start. */
export interface Side {
  readonly server: EmbeddedServer;
  /** The folder of its programs. */
  readonly bin: string;
}

export interface UpgradeWorld {
  readonly old: Side;
  readonly new: Side;
  readonly broker: Broker;
  readonly brokers: string;
}

/** Databases of one server, open. */
export type Opened = Readonly<Record<DatabaseName, Database<EffectDb>>>;

export async function buildWorld(
  bins: { readonly old: string; readonly new: string },
  defer: Defer,
): Promise<UpgradeWorld> {
  const side = async (bin: string): Promise<Side> => {
    const binaries = { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
    // pg_upgrade wants both clusters with checksums or none; 18 has them by default.
    const server = await embeddedPostgres({
      binaries,
      initdb: ['--data-checksums'],
      settings: { wal_level: 'logical', wal_receiver_status_interval: 1 },
    });
    defer(() => server.dispose());
    await server.start();
    return { server, bin };
  };
  const [before, after] = [await side(bins.old), await side(bins.new)];
  const kafka = await embeddedKafka();
  defer(() => kafka.dispose());
  await kafka.start();
  const broker = kafkaBroker({ brokers: [kafka.address], clientId: 'upgrade' });
  defer(() => broker.close());
  await createTopics(broker, ['stock']);
  const operator = connect({ url: before.server.address, max: 1 });
  for (const name of DATABASES) await operator.executor.query(`create database ${name}`);
  await operator.close();
  return { old: before, new: after, broker, brokers: kafka.address };
}

export function urlOf({ server }: Side, name: string): string {
  const url = new URL(server.address);
  url.pathname = `/${name}`;
  return url.href;
}

export function openAll(side: Side, defer: Defer): Opened {
  return { orders: open(urlOf(side, 'orders'), defer), stock: open(urlOf(side, 'stock'), defer) };
}

export async function prepareAll(databases: Opened): Promise<void> {
  for (const name of DATABASES) await prepare(databases[name]);
}

/** One statement on a server, in a database of its own or in `postgres`. */
export async function onServer<T>(side: Side, name: string, sql: string): Promise<readonly T[]> {
  const database = connect({ url: urlOf(side, name), max: 1 });
  try {
    return (await database.executor.query<T & Record<string, unknown>>(sql)).rows;
  } finally {
    await database.close();
  }
}
