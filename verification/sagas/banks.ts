import { fileURLToPath } from 'node:url';
import { failureTopic } from '@convergekit/contracts';
import type { Broker } from '@convergekit/broker';
import { connect, type Database } from '@convergekit/postgres';
import { type FaultProxy, faultProxy } from '@convergekit/testing';
import { freePorts } from '@convergekit/testing/engine';
import { transferEvents } from '../../schemas/src/index.ts';
import { type Bank, transferMigrations } from '../../services/transfers/src/migrations.ts';
import { Child } from '../demo/process/child.ts';
import { makeDatabases, makeTopics, prepareSource } from '../demo/process/prepare.ts';

export const banks: readonly Bank[] = ['giro', 'savings'];

/** Both banks: databases, topics, processes, accounts. */
export interface Banks {
  readonly giroUrl: string;
  readonly topics: readonly string[];
  readonly databases: Readonly<Record<Bank, Database>>;
  /** The networks between the processes of a bank and its database. */
  readonly networks: Readonly<Record<Bank, FaultProxy>>;
  readonly children: readonly Child[];
  stop(): Promise<void>;
}

export interface BanksOptions {
  readonly serverUrl: string;
  readonly broker: Broker;
  readonly brokers: string;
  /** The folder of the logs, which must exist. */
  readonly logFolder: string;
}

const file = (path: string): string => fileURLToPath(new URL(`../../services/${path}`, import.meta.url));

export async function buildBanks(options: BanksOptions): Promise<Banks> {
  const { serverUrl, broker, brokers, logFolder } = options;
  const urls = await makeDatabases(serverUrl, banks);
  const open = (name: Bank): Database => connect({ url: urls[name], applicationName: 'campaign', max: 4 });
  const databases = { giro: open('giro'), savings: open('savings') };
  for (const name of banks) await prepareSource(name, databases[name], transferMigrations[name]);
  await openAccounts(databases);
  const target = new URL(serverUrl).host;
  const networks = { giro: await faultProxy({ target }), savings: await faultProxy({ target }) };
  const topics = [...new Set(transferEvents.map(({ topic }) => topic)), ...banks.map(failureTopic)];
  await makeTopics(broker, brokers, topics, 6);
  const [httpPort = 0, ...healthPorts] = await freePorts(1 + 2 * banks.length);
  const children = banks.flatMap((name, index) =>
    [`transfers/src/${name}/main.ts`, 'relay/src/main.ts'].map((main, kind) => {
      const healthPort = healthPorts[2 * index + kind] ?? 0;
      const env = {
        DATABASE_URL: through(networks[name], urls[name]),
        KAFKA_BROKERS: brokers,
        CONVERGE__HEALTH__PORT: String(healthPort),
        ...(kind === 0 && name === 'giro' ? { CONVERGE__HTTP__PORT: String(httpPort) } : {}),
      };
      return new Child(
        { name: kind === 0 ? name : `relay-${name}`, main: file(main), env, healthPort },
        logFolder,
      );
    }),
  );
  return {
    giroUrl: `http://127.0.0.1:${httpPort}`,
    topics,
    databases,
    networks,
    children,
    stop: async () => {
      await Promise.all(children.map((child) => child.stop()));
      await Promise.all(Object.values(databases).map((database) => database.close()));
      await Promise.all(Object.values(networks).map((network) => network.close()));
    },
  };
}

function through({ address }: FaultProxy, url: string): string {
  const proxied = new URL(url);
  proxied.host = address;
  return proxied.href;
}

export const ACCOUNTS = 200;

/** Opens accounts: most giro accounts are rich, every tenth is poor, every fortieth of either bank closed. */
async function openAccounts(databases: Readonly<Record<Bank, Database>>): Promise<void> {
  const text = `
    insert into account (account_id, opened_cents, balance_cents, closed)
    select $1 || n, cents, cents, n % 40 = 39
      from generate_series(0, $2::int - 1) n, lateral (select case when n % 10 = 9 then $4::bigint else $3::bigint end) as c(cents)`;
  await databases.giro.executor.query(text, ['g', ACCOUNTS, 5_000_000, 3_000]);
  await databases.savings.executor.query(text, ['s', ACCOUNTS, 100_000, 100_000]);
}
