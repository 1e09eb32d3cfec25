import { mkdirSync, rmSync } from 'node:fs';
import { failureTopic } from '@convergekit/contracts';
import type { BrokerName } from '@convergekit/local/choose';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { freePorts } from '@convergekit/testing/engine';
import { shopEvents } from '../../../../schemas/src/index.ts';
import { shopMigrations } from '../../../../services/shop/src/migrations.ts';
import { eachOf, makeDatabases, makeTopics, prepareSource } from '../../prepare.ts';
import { Child, startAll } from '../../process.ts';
import { openLog, type Servers } from '../../servers.ts';
import { makeLogins } from './logins.ts';
import { articles } from './customer.ts';
import {
  type DatabaseName,
  databaseNames,
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
export type Shop = Awaited<ReturnType<typeof openShop>>;

const topics: readonly string[] = [
  ...new Set(shopEvents.map(({ topic }) => topic)),
  ...[...sources, 'order-list', 'saga-observer'].map((consumer) => failureTopic(consumer)),
];

export async function openShop(options: ShopOptions) {
  const { stack, logFolder, broker = 'kafka', env = {}, envOf = () => ({}), reconciler = true } = options;
  rmSync(logFolder, { recursive: true, force: true });
  mkdirSync(logFolder, { recursive: true });
  const urls = await makeDatabases(stack.databaseUrl, databaseNames);
  const databases = await eachOf(databaseNames, (name) =>
    connect({ url: urls[name], applicationName: 'lab', max: 4 }),
  );
  await Promise.all(databaseNames.map((name) => prepare(name, databases[name])));
  const log = await openLog(broker, stack);
  await makeTopics(log.broker, log.at, topics, 6);
  const [ordersPort = 0, providerPort = 0, ...healthPorts] = await freePorts(2 + processNames.length);
  // One after the other: roles are shared by a server.
  const logins = await eachOf(sources, (name) => makeLogins(databases[name], urls[name]));
  const { provider, ...own } = urls;
  const specs = processSpecs(
    { provider, logins, log: { ...log.env, ...env }, ordersPort, providerPort },
    healthPorts,
  ).filter(({ name }) => reconciler || name !== 'reconciler');
  const children = specs.map(
    (spec) => new Child({ ...spec, env: { ...spec.env, ...envOf(spec.name) } }, logFolder),
  );
  return {
    ordersUrl: `http://127.0.0.1:${ordersPort}`,
    providerUrl: `http://127.0.0.1:${providerPort}`,
    log,
    topics,
    databases,
    children,
    /** The addresses of the databases of the kit, as their owner. */
    urls: own,
    child: (name: (typeof processNames)[number]): Child => {
      const found = children.find(({ spec }) => spec.name === name);
      if (found === undefined) throw new Error(`there is no process ${name}`);
      return found;
    },
    /** The environment of commands on a database. */
    envOf: (source: Source) => ({ DATABASE_URL: urls[source], ...log.env }),
    start: () => startAll(children, logFolder),
    /** Stops all processes in order, the writers first. Nothing is left running. */
    stop: async (): Promise<void> => {
      await Promise.all(children.map((child) => child.stop()));
      await Promise.all([log.close(), ...Object.values(databases).map((database) => database.close())]);
    },
  };
}

async function prepare(name: DatabaseName, database: Database): Promise<void> {
  if (name === 'provider') await migrate(database, shopMigrations[name]);
  else await prepareSource(name, database, shopMigrations[name]);
  if (name !== 'inventory') return;
  const text = 'insert into stock (sku, initial, on_hand) values ($1, $2, $2)';
  for (const { sku, initial } of articles) await database.executor.query(text, [sku, initial]);
}
