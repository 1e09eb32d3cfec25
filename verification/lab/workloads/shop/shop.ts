import { mkdirSync, rmSync } from 'node:fs';
import { failureTopic } from '@convergekit/contracts';
import type { BrokerName } from '@convergekit/local/choose';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { freePorts } from '@convergekit/testing/engine';
import { shopEvents } from '../../../../schemas/src/index.ts';
import { shopMigrations } from '../../../../services/shop/src/migrations.ts';
import { makeDatabases, makeTopics, prepareSource } from '../../prepare.ts';
import { Child, startAll } from '../../process.ts';
import { type Log, openLog, type Servers } from '../../servers.ts';
import { type Logins, makeLogins } from './logins.ts';
import { articles } from './orders.ts';
import {
  databaseNames,
  type DatabaseName,
  processNames,
  processSpecs,
  type Source,
  sources,
} from './specs.ts';

export interface ShopOptions {
  /** @default kafka */
  readonly broker?: BrokerName;
  readonly stack: Servers;
  /** Gets one log file for each process. */
  readonly logFolder: string;
  /** Variables for every process, such as those of OpenTelemetry. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Variables of one process, above those for every process. @default none */
  readonly envOf?: (process: string) => Readonly<Record<string, string>>;
  /** False where nothing is to be repaired. @default true */
  readonly reconciler?: boolean;
}

/** The shop: databases, topics and processes. */
export interface Shop {
  readonly ordersUrl: string;
  readonly providerUrl: string;
  readonly log: Log;
  readonly topics: readonly string[];
  readonly databases: Readonly<Record<DatabaseName, Database>>;
  /** The addresses of the databases of the kit, as their owner. */
  readonly urls: Readonly<Record<Source, string>>;
  child(name: (typeof processNames)[number]): Child;
  readonly children: readonly Child[];
  /** The environment of commands on a database. */
  envOf(source: Source): Readonly<Record<string, string>>;
  start(): Promise<void>;
  /** Stops all processes in order, the writers first. Nothing is left running. */
  stop(): Promise<void>;
}

const topics: readonly string[] = [
  ...new Set(shopEvents.map(({ topic }) => topic)),
  ...[...sources, 'order-list', 'saga-observer'].map((consumer) => failureTopic(consumer)),
];

export async function openShop(options: ShopOptions): Promise<Shop> {
  const { stack, logFolder, broker = 'kafka', env = {}, envOf = () => ({}), reconciler = true } = options;
  rmSync(logFolder, { recursive: true, force: true });
  mkdirSync(logFolder, { recursive: true });
  const urls = await makeDatabases(stack.databaseUrl, databaseNames);
  const databases = mapNames((name) => connect({ url: urls[name], applicationName: 'lab', max: 4 }));
  await Promise.all(databaseNames.map((name) => prepare(name, databases[name])));
  const log = await openLog(broker, stack);
  await makeTopics(log.broker, log.at, topics, 6);
  const [ordersPort = 0, providerPort = 0, ...healthPorts] = await freePorts(2 + processNames.length);
  const logins = await loginsOf(databases, urls);
  const specs = processSpecs(
    { provider: urls.provider, logins, log: { ...log.env, ...env }, ordersPort, providerPort },
    healthPorts,
  ).filter(({ name }) => reconciler || name !== 'reconciler');
  const children = specs.map(
    (spec) => new Child({ ...spec, env: { ...spec.env, ...envOf(spec.name) } }, logFolder),
  );
  return {
    ordersUrl: `http://127.0.0.1:${ordersPort}`,
    providerUrl: `http://127.0.0.1:${providerPort}`,
    ...{ log, topics, databases, children },
    urls: Object.fromEntries(sources.map((name) => [name, urls[name]])) as Record<Source, string>,
    child: (name) => {
      const found = children.find(({ spec }) => spec.name === name);
      if (found === undefined) throw new Error(`there is no process ${name}`);
      return found;
    },
    envOf: (source) => ({ DATABASE_URL: urls[source], ...log.env }),
    start: () => startAll(children, logFolder),
    stop: async () => {
      await Promise.all(children.map((child) => child.stop()));
      await Promise.all([log.close(), ...Object.values(databases).map((database) => database.close())]);
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
  const text = 'insert into stock (sku, initial, on_hand) values ($1, $2, $2)';
  for (const { sku, initial } of articles) await database.executor.query(text, [sku, initial]);
}

function mapNames<T>(make: (name: DatabaseName) => T): Record<DatabaseName, T> {
  return Object.fromEntries(databaseNames.map((name) => [name, make(name)])) as Record<DatabaseName, T>;
}
