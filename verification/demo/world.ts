import { mkdirSync, rmSync } from 'node:fs';
import { failureTopic } from '@convergekit/contracts';
import type { Broker } from '@convergekit/broker';
import { kafkaBroker } from '@convergekit/kafka';
import { localBroker } from '@convergekit/local';
import type { BrokerName } from '@convergekit/local/choose';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { freePorts, type KafkaTools } from '@convergekit/testing/engine';
import { freshDatabase, type Stack } from '@convergekit/testing';
import { shopEvents } from '../../schemas/src/index.ts';
import { shopMigrations } from '../../services/shop/src/migrations.ts';
import type { LogRecord } from './audit/facts.ts';
import { dumpLog } from './collect/log-dump.ts';
import { dumpTopics } from './collect/topic-dump.ts';
import { articles } from './drive/orders.ts';
import { Child } from './process/child.ts';
import { makeDatabases, makeTopics, prepareSource, startAll } from './process/prepare.ts';
import { type Logins, makeLogins } from './process/logins.ts';
import {
  databaseNames,
  type DatabaseName,
  processNames,
  processSpecs,
  type Source,
  sources,
} from './process/specs.ts';

export interface WorldOptions {
  /** @default kafka */
  readonly broker?: BrokerName;
  readonly stack: Pick<Stack, 'databaseUrl' | 'brokers' | 'kafkaTools'>;
  /** Gets one log file for each process. */
  readonly logFolder: string;
  /** Variables for every process, such as those of OpenTelemetry. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Variables of one process, above those for every process. @default none */
  readonly envOf?: (process: string) => Readonly<Record<string, string>>;
}

export type ChildName = (typeof processNames)[number];

/** The shop: databases, topics and processes. */
export interface World {
  readonly ordersUrl: string;
  readonly providerUrl: string;
  readonly brokers: string;
  readonly broker: Broker;
  readonly kafkaTools: KafkaTools;
  readonly topics: readonly string[];
  /** Reads every record of the topics, without the kit's driver; `logReader` says by what. */
  readonly readLog: () => Promise<readonly LogRecord[]>;
  readonly logReader: string;
  readonly databases: Readonly<Record<DatabaseName, Database>>;
  /** The addresses of the databases of the kit, with their logins. */
  readonly urls: Readonly<Record<Source, string>>;
  /** The settings by which processes find the log. */
  readonly logEnv: Readonly<Record<string, string>>;
  child(name: ChildName): Child;
  readonly children: readonly Child[];
  start(): Promise<void>;
  /** Stops all processes in order, the writers first. Nothing is left running. */
  stop(): Promise<void>;
}

export const topics: readonly string[] = [
  ...new Set(shopEvents.map(({ topic }) => topic)),
  ...[...sources, 'order-list', 'saga-observer'].map((consumer) => failureTopic(consumer)),
];

export async function buildWorld({
  stack: { databaseUrl: serverUrl, brokers, kafkaTools },
  logFolder,
  broker: chosen = 'kafka',
  env = {},
  envOf = () => ({}),
}: WorldOptions): Promise<World> {
  rmSync(logFolder, { recursive: true, force: true });
  mkdirSync(logFolder, { recursive: true });
  const urls = await makeDatabases(serverUrl, databaseNames);
  const databases = mapNames((name) => connect({ url: urls[name], applicationName: 'demo', max: 4 }));
  await Promise.all(databaseNames.map((name) => prepare(name, databases[name])));
  const log = chosen === 'local' ? await localLog(serverUrl) : kafkaLog(brokers, kafkaTools);
  await makeTopics(log.broker, log.at, topics, 6);
  const [ordersPort = 0, providerPort = 0, ...healthPorts] = await freePorts(2 + processNames.length);
  const logins = await loginsOf(databases, urls);
  const specs = processSpecs(
    { provider: urls.provider, logins, log: { ...log.env, ...env }, ordersPort, providerPort },
    healthPorts,
  );
  const children = specs.map(
    (spec) => new Child({ ...spec, env: { ...spec.env, ...envOf(spec.name) } }, logFolder),
  );
  return {
    ordersUrl: `http://127.0.0.1:${ordersPort}`,
    providerUrl: `http://127.0.0.1:${providerPort}`,
    brokers: log.at,
    broker: log.broker,
    kafkaTools,
    topics,
    readLog: () => log.read(),
    logReader: log.reader,
    databases,
    urls: Object.fromEntries(sources.map((name) => [name, urls[name]])) as Record<Source, string>,
    logEnv: log.env,
    children,
    child: (name) => {
      const found = children.find(({ spec }) => spec.name === name);
      if (found === undefined) throw new Error(`there is no process ${name}`);
      return found;
    },
    start: () => startAll(children, logFolder),
    stop: async () => {
      await Promise.all(children.map((child) => child.stop()));
      await Promise.all([log.close(), ...Object.values(databases).map((database) => database.close())]);
    },
  };
}

/** The log of the demo, and the settings by which its processes find it. */
interface DemoLog {
  readonly broker: Broker;
  readonly at: string;
  readonly env: Readonly<Record<string, string>>;
  readonly reader: string;
  read(): Promise<readonly LogRecord[]>;
  close(): Promise<void>;
}

function kafkaLog(brokers: string, tools: KafkaTools): DemoLog {
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'demo' });
  return {
    broker,
    at: brokers,
    env: { KAFKA_BROKERS: brokers },
    reader: 'with Kafka’s own console consumer',
    read: () => dumpTopics(tools, topics),
    close: () => broker.close(),
  };
}

async function localLog(serverUrl: string): Promise<DemoLog> {
  const url = await freshDatabase(serverUrl, 'log');
  const broker = localBroker({ url, clientId: 'demo' });
  const database = connect({ url, applicationName: 'demo', max: 1 });
  return {
    broker,
    at: `postgres://${database.target.host}:${database.target.port}/${database.target.database}`,
    env: { CONVERGE__BROKER: 'local', CONVERGE__LOCAL__URL: url },
    reader: 'from the tables of the local log',
    read: () => dumpLog(database.executor, topics),
    close: async () => {
      await broker.close();
      await database.close();
    },
  };
}

async function loginsOf(
  databases: Readonly<Record<Source, Database>>,
  urls: Readonly<Record<Source, string>>,
): Promise<Record<Source, Logins>> {
  const made: [Source, Logins][] = [];
  for (const name of sources) made.push([name, await makeLogins(databases[name], urls[name])]);
  return Object.fromEntries(made) as Record<Source, Logins>;
}

async function prepare(name: DatabaseName, database: Database): Promise<void> {
  if (name === 'provider') await migrate(database, shopMigrations[name]);
  else await prepareSource(name, database, shopMigrations[name]);
  if (name !== 'inventory') return;
  for (const { sku, initial } of articles)
    await database.executor.query('insert into stock (sku, initial, on_hand) values ($1, $2, $2)', [
      sku,
      initial,
    ]);
}

function mapNames<T>(make: (name: DatabaseName) => T): Record<DatabaseName, T> {
  return Object.fromEntries(databaseNames.map((name) => [name, make(name)])) as Record<DatabaseName, T>;
}
