import { join } from 'node:path';
import { kafkaBroker } from '@convergekit/kafka';
import { nameSource } from '@convergekit/outbox/engine';
import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { embeddedKafka, embeddedPostgres, type EmbeddedServer, freePorts } from '@convergekit/testing/engine';
import { faultProxy, type FaultProxy, freshDatabase } from '@convergekit/testing';
import { ledgerSql, lonelySql, populateSql } from './ledger-sql.ts';
import { probed } from './memory.ts';
import { RelayProcess } from './relay-process.ts';

/**
 * The sources. `hunted`: its relays are killed, stopped and restarted. `steady`: its relay is not, so that memory can
 * be watched.
 */
export type SourceName = 'hunted' | 'steady';

export interface Source {
  readonly name: SourceName;
  /** The URL of Postgres without a proxy. */
  readonly url: string;
  readonly database: Database;
  /** The proxies between the relays and Postgres, and between the relays and Kafka. */
  readonly databaseProxy: FaultProxy;
  readonly brokerProxy: FaultProxy;
  readonly relays: readonly RelayProcess[];
  readonly mainTopic: string;
  /** The side topic, which is also the one that gets halted. */
  readonly sideTopic: string;
}

export interface World {
  readonly postgres: EmbeddedServer;
  readonly kafka: EmbeddedServer;
  readonly sources: readonly Source[];
  readonly hunted: Source;
  readonly steady: Source;
  /** The URL of an unrelated database in the same cluster. */
  readonly strangersUrl: string;
  readonly folder: string;
  /** The samples of the steady relay's memory. */
  readonly memoryFile: string;
}

/** Registers what must be undone, the last first, whatever happens. */
export type Defer = (undo: () => Promise<unknown>) => void;

export const topicSettings = {
  // The dump then says when each record was written.
  'message.timestamp.type': 'LogAppendTime',
  'max.message.bytes': '1048588',
} as const;

export async function buildWorld(
  folder: string,
  relayEnv: Readonly<Record<string, string>>,
  log: (line: string) => void,
  defer: Defer,
): Promise<World> {
  const ports = await freePorts(2);
  const brokerProxies: FaultProxy[] = [];
  for (const port of ports) {
    const proxy = await faultProxy({ target: `127.0.0.1:${port}` });
    defer(() => proxy.close());
    brokerProxies.push(proxy);
  }
  const doors = ports.map((port, index) => ({ port, advertisedPort: brokerProxies[index]?.port ?? 0 }));
  // fsync and full_page_writes stay at their defaults, on: a crash loses only what Postgres may lose.
  const postgres = await embeddedPostgres({ log, settings: { max_wal_size: '2GB' } });
  defer(() => postgres.dispose());
  const kafka = await embeddedKafka({ log, doors });
  defer(() => kafka.dispose());
  await Promise.all([postgres.start(), kafka.start()]);
  const strangersUrl = await freshDatabase(postgres.address, 'strangers');
  const memoryFile = join(folder, 'memory.jsonl');
  const sources: Source[] = [];
  for (const [index, name] of (['hunted', 'steady'] as const).entries()) {
    const brokerProxy = brokerProxies[index];
    if (brokerProxy !== undefined)
      sources.push(
        await makeSource(name, {
          ...{ postgres, kafka, brokerProxy, folder, defer },
          relayEnv: name === 'steady' ? { ...relayEnv, ...probed(memoryFile) } : relayEnv,
        }),
      );
  }
  const [hunted, steady] = sources;
  if (hunted === undefined || steady === undefined) throw new Error('there is no source');
  return { postgres, kafka, sources, hunted, steady, strangersUrl, folder, memoryFile };
}

interface Surroundings {
  readonly postgres: EmbeddedServer;
  readonly kafka: EmbeddedServer;
  readonly brokerProxy: FaultProxy;
  readonly folder: string;
  readonly relayEnv: Readonly<Record<string, string>>;
  readonly defer: Defer;
}

async function makeSource(name: SourceName, around: Surroundings): Promise<Source> {
  const { postgres, kafka, brokerProxy, folder, relayEnv, defer } = around;
  const url = await freshDatabase(postgres.address, name);
  const database = connect({
    url,
    applicationName: 'soak',
    max: 40,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 30_000,
  });
  defer(() => database.close());
  const databaseProxy = await faultProxy({ target: `127.0.0.1:${postgres.port}` });
  defer(() => databaseProxy.close());
  const topics = [`soak.${name}.main`, `soak.${name}.side`] as const;
  await prepare(database, name, topics);
  await makeTopics(kafka.address, topics);
  const proxied = new URL(url);
  proxied.host = databaseProxy.address;
  const env = { ...relayEnv, DATABASE_URL: proxied.href, KAFKA_BROKERS: brokerProxy.address };
  const names = name === 'hunted' ? ['relay-hunted-a', 'relay-hunted-b'] : ['relay-steady'];
  const relays = names.map((relay) => new RelayProcess(relay, env, folder));
  for (const relay of relays) defer(() => relay.end(0));
  return {
    name,
    url,
    database,
    databaseProxy,
    brokerProxy,
    relays,
    mainTopic: topics[0],
    sideTopic: topics[1],
  };
}

async function prepare(
  database: Database,
  name: string,
  [main, side]: readonly [string, string],
): Promise<void> {
  await migrate(database, [outboxMigrations, relayMigrations]);
  await nameSource(database.executor, name);
  await database.executor.query(ledgerSql);
  // The sequence starts near the end of the outbox's second child, so that the relays soon make and drop children.
  await database.executor.query('alter sequence converge.outbox_id restart with 1995000');
  for (const [topic, hot, cold] of [
    [main, 5, 1_200],
    [side, 1, 300],
  ] as const)
    await database.executor.query(populateSql, [topic, hot, cold]);
  for (const topic of [main, side]) await database.executor.query(lonelySql, [topic]);
}

async function makeTopics(brokers: string, [main, side]: readonly [string, string]): Promise<void> {
  const broker = kafkaBroker({ brokers: [brokers], clientId: 'soak' });
  try {
    const admin = await broker.admin();
    await admin.createTopic({ name: main, partitions: 6, config: topicSettings });
    await admin.createTopic({ name: side, partitions: 3, config: topicSettings });
  } finally {
    await broker.close();
  }
}
