import { mkdirSync, rmSync } from 'node:fs';
import { failureTopic } from '@converge/contracts';
import { inboxMigrations } from '@converge/inbox';
import { kafkajsBroker } from '@converge/kafka';
import { nameSource, outboxMigrations } from '@converge/outbox';
import { connect, type Database, migrate } from '@converge/postgres';
import { reconcileMigrations } from '@converge/reconcile';
import { relayMigrations } from '@converge/relay';
import { freshDatabase, waitUntil } from '@converge/testing';
import { shopEvents } from '../../schemas/src/index.ts';
import { shopMigrations } from '../../services/shop/src/common/migrations.ts';
import { articles } from './drive/orders.ts';
import { Child } from './process/child.ts';
import { freePorts } from './process/ports.ts';
import { databaseNames, type DatabaseName, processNames, processSpecs, sources } from './process/specs.ts';

export interface WorldOptions {
  readonly serverUrl: string;
  readonly brokers: string;
  /** Gets one log file for each process. */
  readonly logFolder: string;
  readonly partitions?: number;
}

export type ChildName = (typeof processNames)[number];

/** The shop: databases, topics and processes. */
export interface World {
  readonly ordersUrl: string;
  readonly providerUrl: string;
  readonly brokers: string;
  readonly topics: readonly string[];
  readonly databases: Readonly<Record<DatabaseName, Database>>;
  child(name: ChildName): Child;
  readonly children: readonly Child[];
  start(): Promise<void>;
  /** Stops all processes in order, the writers first. Nothing is left running. */
  stop(): Promise<void>;
}

export const topics: readonly string[] = [
  ...new Set(shopEvents.map(({ topic }) => topic)),
  ...sources.map((consumer) => failureTopic(consumer)),
];

export async function buildWorld({
  serverUrl,
  brokers,
  logFolder,
  partitions = 6,
}: WorldOptions): Promise<World> {
  rmSync(logFolder, { recursive: true, force: true });
  mkdirSync(logFolder, { recursive: true });
  const urls = await makeDatabases(serverUrl);
  const databases = mapNames((name) => connect({ url: urls[name], applicationName: 'demo', max: 4 }));
  await Promise.all(databaseNames.map((name) => prepare(name, databases[name])));
  await makeTopics(brokers, partitions);
  const [ordersPort = 0, providerPort = 0, ...healthPorts] = await freePorts(2 + processNames.length);
  const specs = processSpecs({ databases: urls, brokers, ordersPort, providerPort }, healthPorts);
  const children = specs.map((spec) => new Child(spec, logFolder));
  return {
    ordersUrl: `http://127.0.0.1:${ordersPort}`,
    providerUrl: `http://127.0.0.1:${providerPort}`,
    brokers,
    topics,
    databases,
    children,
    child: (name) => {
      const found = children.find(({ spec }) => spec.name === name);
      if (found === undefined) throw new Error(`there is no process ${name}`);
      return found;
    },
    start: () => startAll(children, logFolder),
    stop: async () => {
      await Promise.all(children.map((child) => child.stop()));
      await Promise.all(Object.values(databases).map((database) => database.close()));
    },
  };
}

async function startAll(children: readonly Child[], logFolder: string): Promise<void> {
  for (const child of children) child.start();
  const waiting = async (): Promise<boolean> => {
    const late: string[] = [];
    for (const child of children) {
      if (child.restarts >= 3)
        throw new Error(`${child.spec.name} does not start: ${logFolder}/${child.spec.name}.log says why`);
      // A standby relay is ready when it stands by.
      if (!(await child.ready())) late.push(child.spec.name);
    }
    return late.length === 0;
  };
  await waitUntil(waiting, { what: 'every process to be ready', deadlineMs: 60_000, everyMs: 100 });
}

async function makeDatabases(serverUrl: string): Promise<Record<DatabaseName, string>> {
  // One after the other: CREATE DATABASE copies a template that must be at rest.
  const urls: [DatabaseName, string][] = [];
  for (const name of databaseNames) urls.push([name, await freshDatabase(serverUrl, name)]);
  return Object.fromEntries(urls) as Record<DatabaseName, string>;
}

async function prepare(name: DatabaseName, database: Database): Promise<void> {
  const kit =
    name === 'provider' ? [] : [outboxMigrations, relayMigrations, inboxMigrations, reconcileMigrations];
  await migrate(database, [...kit, ...shopMigrations[name]]);
  if (name !== 'provider') await nameSource(database.executor, name);
  if (name !== 'inventory') return;
  for (const { sku, initial } of articles)
    await database.executor.query('insert into stock (sku, initial, on_hand) values ($1, $2, $2)', [
      sku,
      initial,
    ]);
}

async function makeTopics(brokers: string, partitions: number): Promise<void> {
  const broker = kafkajsBroker({ brokers: brokers.split(','), clientId: 'demo' });
  const admin = await broker.admin();
  try {
    for (const name of topics) {
      await admin.createTopic({ name, partitions });
      const ends = await admin.logEnds(name);
      if (ends.some(({ latest }) => latest > 0n))
        throw new Error(
          `the topic ${name} on ${brokers} has records of another run: delete the topics shop.* and *.failures there, or unset KAFKA_BROKERS to use a broker of our own`,
        );
    }
  } finally {
    await admin.close();
    await broker.close();
  }
}

function mapNames<T>(make: (name: DatabaseName) => T): Record<DatabaseName, T> {
  return Object.fromEntries(databaseNames.map((name) => [name, make(name)])) as Record<DatabaseName, T>;
}
