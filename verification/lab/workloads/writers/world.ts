import { join } from 'node:path';
import { kafkaBroker } from '@convergekit/kafka';
import { nameSource } from '@convergekit/outbox/engine';
import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { embeddedKafka, embeddedPostgres, type EmbeddedServer, freePorts } from '@convergekit/testing/engine';
import { faultProxy, type FaultProxy, freshDatabase } from '@convergekit/testing';
import { topicSettings } from '../../faults/topics.ts';
import { makeTopics } from '../../prepare.ts';
import { Child, serviceFile } from '../../process.ts';
import type { Defer } from '../../types.ts';
import { lateChildSql, lonelySql, takeoverSql } from './inside-sql.ts';
import { ledgerSql, populateSql } from './ledger-sql.ts';
import { probed } from './memory.ts';

/**
 * A database with an outbox, its writers, and its relays. `hunted`: its relays are killed, stopped and restarted. `steady`:
 * its relay is not, so that memory can be watched.
 */
export interface Source {
  readonly name: 'hunted' | 'steady';
  readonly database: Database;
  readonly env: Readonly<Record<string, string>>;
  /** The proxies between the relays and Postgres, and between the relays and Kafka. */
  readonly databaseProxy: FaultProxy;
  readonly brokerProxy: FaultProxy;
  readonly relays: readonly Child[];
  readonly mainTopic: string;
  /** The side topic, which is also the one that gets halted. */
  readonly sideTopic: string;
}

export interface World {
  readonly postgres: EmbeddedServer;
  readonly kafka: EmbeddedServer;
  readonly sources: readonly Source[];
  /** The URL of an unrelated database in the same cluster. */
  readonly strangersUrl: string;
  /** The samples of the steady relay's memory. */
  readonly memoryFile: string;
}

export interface WorldOptions {
  readonly folder: string;
  /** The Kafka driver of the relays; empty: their default. */
  readonly driver: string;
  readonly log: (line: string) => void;
  readonly defer: Defer;
}

export async function openWorld({ folder, driver, log, defer }: WorldOptions): Promise<World> {
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
  return { postgres, kafka, sources, strangersUrl, memoryFile };
}

/** Retention is set so short that old events leave the outbox all through the run. */
function relaySettings(driver: string): Readonly<Record<string, string>> {
  return {
    LOG_LEVEL: 'info',
    CONVERGE__RELAY__RETAIN_MS: '60000',
    CONVERGE__RELAY__CHILD_EVENTS: '20000',
    ...(driver === '' ? {} : { CONVERGE__KAFKA__DRIVER: driver }),
  };
}

interface SourceOptions extends Pick<World, 'postgres' | 'kafka'> {
  readonly brokerProxy: FaultProxy;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly defer: Defer;
}

async function openSource(name: Source['name'], around: SourceOptions): Promise<Source> {
  const { postgres, kafka, brokerProxy, folder, env, defer } = around;
  const url = await freshDatabase(postgres.address, name);
  const limits = { max: 40, connectTimeoutMs: 3_000, statementTimeoutMs: 30_000 };
  const database = connect({ url, applicationName: 'lab', ...limits });
  defer(() => database.close());
  const databaseProxy = await faultProxy({ target: `127.0.0.1:${postgres.port}` });
  defer(() => databaseProxy.close());
  const [mainTopic, sideTopic] = [`soak.${name}.main`, `soak.${name}.side`];
  await prepare(database, name, mainTopic, sideTopic);
  await openTopics(kafka.address, mainTopic, sideTopic);
  const proxied = new URL(url);
  proxied.host = databaseProxy.address;
  const names = name === 'hunted' ? ['relay-hunted-a', 'relay-hunted-b'] : ['relay-steady'];
  const healthPorts = await freePorts(names.length);
  const relays = names.map((relay, index) => {
    const healthPort = healthPorts[index] ?? 0;
    const own = {
      ...{ DATABASE_URL: proxied.href, KAFKA_BROKERS: brokerProxy.address },
      CONVERGE__HEALTH__PORT: String(healthPort),
    };
    const spec = { name: relay, main: serviceFile('relay/src/main.ts'), env: { ...env, ...own }, healthPort };
    return new Child(spec, folder);
  });
  for (const relay of relays) defer(() => relay.stop(0));
  return {
    ...{ name, database, databaseProxy, brokerProxy, relays, mainTopic, sideTopic },
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
