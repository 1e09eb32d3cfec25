import { join } from 'node:path';
import { type DriverName, kafkaBroker } from '@convergekit/kafka';
import { nameSource } from '@convergekit/outbox/engine';
import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { embeddedKafka, embeddedPostgres, type EmbeddedServer, freePorts } from '@convergekit/testing/engine';
import { faultProxy, type FaultProxy, freshDatabase } from '@convergekit/testing';
import { topicSettings } from '../../faults/topics.ts';
import { makeTopics, proxied } from '../../prepare.ts';
import { Child, serviceFile } from '../../process.ts';
import type { Run } from '../../types.ts';
import { lateChildSql, lonelySql, takeoverSql } from './inside-sql.ts';
import { ledgerSql, populateSql } from './ledger-sql.ts';
import { probed } from './memory.ts';

/** Two databases with an outbox, their servers, and their relays. */
export type World = Awaited<ReturnType<typeof openWorld>>;

/** `driver`: the Kafka driver of the relays. @default theirs */
export async function openWorld({ folder, defer, progress }: Run, driver?: DriverName) {
  const log = progress.note;
  const ports = await freePorts(2);
  const brokerProxies = await Promise.all(ports.map((port) => faultProxy({ target: `127.0.0.1:${port}` })));
  for (const proxy of brokerProxies) defer(() => proxy.close());
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
    if (brokerProxy === undefined) continue;
    const env = { ...relaySettings(driver), ...(name === 'steady' ? probed(memoryFile) : {}) };
    sources.push(await openSource(name, { postgres, kafka, brokerProxy, folder, env, defer }));
  }
  return {
    postgres,
    kafka,
    sources,
    /** The URL of an unrelated database in the same cluster. */
    strangersUrl,
    /** The samples of the steady relay's memory. */
    memoryFile,
  };
}

/** Retention is set so short that old events leave the outbox all through the run. */
function relaySettings(driver: DriverName | undefined): Readonly<Record<string, string>> {
  return {
    LOG_LEVEL: 'info',
    CONVERGE__RELAY__RETAIN_MS: '60000',
    CONVERGE__RELAY__CHILD_EVENTS: '20000',
    ...(driver && { CONVERGE__KAFKA__DRIVER: driver }),
  };
}

interface SourceOptions extends Pick<Run, 'folder' | 'defer'> {
  readonly postgres: EmbeddedServer;
  readonly kafka: EmbeddedServer;
  readonly brokerProxy: FaultProxy;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A database with an outbox, its writers, and its relays. `hunted`: its relays are killed, stopped and restarted. `steady`:
 * its relay is not, so that memory can be watched.
 */
export type Source = Awaited<ReturnType<typeof openSource>>;

async function openSource(name: 'hunted' | 'steady', around: SourceOptions) {
  const { postgres, kafka, brokerProxy, folder, env, defer } = around;
  const url = await freshDatabase(postgres.address, name);
  const limits = { max: 40, connectTimeoutMs: 3_000, statementTimeoutMs: 30_000 };
  const database = connect({ url, applicationName: 'lab', ...limits });
  defer(() => database.close());
  const { proxy: databaseProxy, url: proxiedUrl } = await proxied(url);
  defer(() => databaseProxy.close());
  const mainTopic = `soak.${name}.main`;
  // It is also the one that gets halted.
  const sideTopic = `soak.${name}.side`;
  await prepare(database, name, mainTopic, sideTopic);
  await openTopics(kafka.address, mainTopic, sideTopic);
  const names = name === 'hunted' ? ['relay-hunted-a', 'relay-hunted-b'] : ['relay-steady'];
  const healthPorts = await freePorts(names.length);
  const own = { ...env, DATABASE_URL: proxiedUrl, KAFKA_BROKERS: brokerProxy.address };
  const main = serviceFile('relay/src/main.ts');
  const relays = names.map(
    (relay, index) => new Child({ name: relay, main, env: own, healthPort: healthPorts[index] ?? 0 }, folder),
  );
  for (const relay of relays) defer(() => relay.stop(0));
  return {
    name,
    database,
    mainTopic,
    sideTopic,
    relays,
    /** The proxies between the relays and Postgres, and between the relays and Kafka. */
    databaseProxy,
    brokerProxy,
    env: { DATABASE_URL: url, KAFKA_BROKERS: kafka.address },
  };
}

async function prepare(database: Database, name: string, main: string, side: string): Promise<void> {
  const { executor } = database;
  await migrate(database, [outboxMigrations, relayMigrations]);
  await nameSource(executor, name);
  for (const text of [ledgerSql, takeoverSql, lateChildSql]) await executor.query(text);
  await executor.query(populateSql, [main, 5, 1_200]);
  await executor.query(populateSql, [side, 1, 300]);
  await executor.query(lonelySql);
}

async function openTopics(brokers: string, main: string, side: string): Promise<void> {
  const broker = kafkaBroker({ brokers: [brokers], clientId: 'lab' });
  try {
    await makeTopics(broker, brokers, [main], 6, topicSettings);
    await makeTopics(broker, brokers, [side], 3, topicSettings);
  } finally {
    await broker.close();
  }
}
