import { type DriverName, kafkaBroker } from '@convergekit/kafka';
import { connect } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { embeddedKafka, embeddedPostgres, type EmbeddedServer } from '@convergekit/testing/engine';
import type { Run } from '../../types.ts';
import type { EffectDb } from './events.ts';
import { type Cluster, CountedPart, type Place } from './part.ts';
import { createTopics, open, prepare } from './services.ts';

export interface CountedOptions {
  /** The consumers, each in a database of its own. @default stock */
  readonly consumers?: readonly string[];
  readonly driver?: DriverName;
  /** How Postgres is started. */
  readonly postgres?: Parameters<typeof embeddedPostgres>[0];
  /** True where a server is away while writers write: what they cannot commit is no finding. */
  readonly mayRefuse: boolean;
}

export async function startCluster({ defer }: Pick<Run, 'defer'>, driver?: DriverName): Promise<Cluster> {
  const server = await embeddedKafka();
  defer(() => server.dispose());
  await server.start();
  const broker = kafkaBroker({
    ...{ brokers: [server.address], clientId: 'lab', requestTimeoutMs: 3_000 },
    ...(driver === undefined ? {} : { driver }),
  });
  defer(() => broker.close());
  return { server, broker };
}

export async function openCounted(run: Run, options: CountedOptions): Promise<CountedPart> {
  const { consumers: names = ['stock'], driver, postgres: how } = options;
  const { defer } = run;
  const postgres = await embeddedPostgres(how);
  defer(() => postgres.dispose());
  await postgres.start();
  const cluster = await startCluster(run, driver);
  await createTopics(cluster.broker, names);
  const place = async (name: string): Promise<Place> => {
    const url = await freshDatabase(postgres.address, name);
    const database = open<EffectDb>(url, defer);
    await prepare(database);
    return { url, database };
  };
  const orders = await place('orders');
  const consumers = new Map<string, Place>();
  for (const name of names) consumers.set(name, await place(name));
  return new CountedPart(run, { postgres, orders, consumers, cluster }, options.mayRefuse);
}

/** One statement on a server, in a database of its own or in the first one. */
export async function onServer<T>(
  { address }: EmbeddedServer,
  sql: string,
  name?: string,
): Promise<readonly T[]> {
  const url = new URL(address);
  if (name !== undefined) url.pathname = `/${name}`;
  const database = connect({ url: url.href, max: 1, onIdleError: () => undefined });
  try {
    return (await database.executor.query<T & Record<string, unknown>>(sql)).rows;
  } finally {
    await database.close();
  }
}
