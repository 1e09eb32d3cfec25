import { consumerService } from '@convergekit/inbox';
import { failureTopic } from '@convergekit/contracts';
import { connect, type Database } from '@convergekit/postgres';
import { sagaObserver } from '@convergekit/saga';
import { freePorts } from '@convergekit/testing/engine';
import { transferEvents, transferMoney } from '../../../../schemas/src/index.ts';
import { type Bank, transferMigrations } from '../../../../services/transfers/src/migrations.ts';
import { eachOf, makeDatabases, makeTopics, prepareSource, proxied } from '../../prepare.ts';
import { Child, NO_GIVE_UP_LIMIT, serviceFile, startAll } from '../../process.ts';
import type { Log } from '../../servers.ts';

export const bankNames: readonly Bank[] = ['giro', 'savings'];
export const ACCOUNTS = 200;
const OBSERVER = 'transfer-observer';

/** Both banks: databases, topics, processes, accounts. */
export type Banks = Awaited<ReturnType<typeof openBanks>>;

interface BanksOptions {
  readonly databaseUrl: string;
  readonly log: Log;
  /** The folder of the logs, which must exist. */
  readonly logFolder: string;
}

export async function openBanks({ databaseUrl, log, logFolder }: BanksOptions) {
  const urls = await makeDatabases(databaseUrl, bankNames);
  const databases = await eachOf(bankNames, (name) =>
    connect({ url: urls[name], applicationName: 'lab', max: 4 }),
  );
  for (const name of bankNames) await prepareSource(name, databases[name], transferMigrations[name]);
  await openAccounts(databases);
  const networks = await eachOf(bankNames, (name) => proxied(urls[name]));
  const own = new Set(transferEvents.map(({ topic }) => topic));
  const topics = [...own, ...[...bankNames, OBSERVER].map(failureTopic)];
  await makeTopics(log.broker, log.at, topics, 6);
  const [httpPort = 0, ...healthPorts] = await freePorts(1 + 2 * bankNames.length);
  const children = bankNames.flatMap((name, index) =>
    [`transfers/src/${name}/main.ts`, 'relay/src/main.ts'].map((main, kind) => {
      const healthPort = healthPorts[2 * index + kind] ?? 0;
      const env = {
        ...log.env,
        DATABASE_URL: networks[name].url,
        ...(kind === 0 ? NO_GIVE_UP_LIMIT : {}),
        ...(kind === 0 && name === 'giro' ? { CONVERGE__HTTP__PORT: String(httpPort) } : {}),
      };
      const spec = { name: kind === 0 ? name : `relay-${name}`, main: serviceFile(main), env, healthPort };
      return new Child(spec, logFolder);
    }),
  );
  // No fault reaches the observer: what it shows is judged, not how it lives.
  const observer = consumerService([sagaObserver({ sagas: [transferMoney.declaration], name: OBSERVER })], {
    database: databases.giro,
    broker: log.broker,
  });
  return {
    giroUrl: `http://127.0.0.1:${httpPort}`,
    topics,
    databases,
    children,
    /** The networks between the processes of a bank and its database. */
    networks,
    /** The environment of commands on a database, past the network. */
    envOf: (bank: Bank) => ({ DATABASE_URL: urls[bank], ...log.env }),
    start: async (): Promise<void> => {
      await observer.start();
      await startAll(children, logFolder);
    },
    stop: async (): Promise<void> => {
      await Promise.all(children.map((child) => child.stop()));
      await observer.stop();
      await Promise.all(Object.values(databases).map((database) => database.close()));
      await Promise.all(Object.values(networks).map(({ proxy }) => proxy.close()));
    },
  };
}

/** Opens accounts: most giro accounts are rich, every tenth is poor, every fortieth of either bank closed. */
async function openAccounts(databases: Readonly<Record<Bank, Database>>): Promise<void> {
  const text = `
    insert into account (account_id, opened_cents, balance_cents, closed)
    select $1 || n, cents, cents, n % 40 = 39
      from generate_series(0, $2::int - 1) n, lateral (select case when n % 10 = 9 then $4::bigint else $3::bigint end) as c(cents)`;
  await databases.giro.executor.query(text, ['g', ACCOUNTS, 5_000_000, 3_000]);
  await databases.savings.executor.query(text, ['s', ACCOUNTS, 100_000, 100_000]);
}
