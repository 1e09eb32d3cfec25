import type { Broker } from '@convergekit/broker';
import { type ConsumerService, consumerService, inboxMigrations } from '@convergekit/inbox';
import { failureTopic } from '@convergekit/contracts';
import { type DriverName, kafkaBroker } from '@convergekit/kafka';
import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { urlOf } from '@convergekit/postgres/engine';
import { type Relay, relay, relayMigrations, type RelayOptions } from '@convergekit/relay';
import { withLogsTo } from '@convergekit/telemetry';
import { waitUntil } from '@convergekit/testing';
import {
  embeddedCluster,
  embeddedKafka,
  type EmbeddedServer,
  type StackServer,
} from '@convergekit/testing/engine';
import { withDatabase } from '../../../with-database.ts';
import { makeTopics } from '../../prepare.ts';
import type { Defer } from '../../types.ts';
import type { AlarmRecord } from './alarm-record.ts';
import { countEffects, effectTableSql } from './effects-sql.ts';
import { effectConsumer, type EffectDb, PARTITIONS, TOPIC } from './events.ts';

const silence = (): void => undefined;
/** Where the lines of a service go. */
type Logs = Pick<AlarmRecord, 'destination'>;
const nowhere: Logs = { destination: { write: silence } };

/** Opens a database of the workload. Its connections may be cut. */
export function open<DB>(url: string, defer: Defer): Database<DB> {
  const database = connect<DB>({
    url,
    applicationName: 'lab',
    connectTimeoutMs: 2_000,
    onIdleError: silence,
  });
  defer(() => database.close());
  return database;
}

/** Makes the tables of the kit, and the table of effects. */
export async function prepare(database: Database<EffectDb>): Promise<void> {
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
  await database.executor.query(effectTableSql);
}

export async function createTopics(broker: Broker, at: string, consumers: readonly string[]): Promise<void> {
  await makeTopics(broker, at, [TOPIC, ...consumers.map(failureTopic)], PARTITIONS);
}

export interface Cluster {
  readonly server: StackServer;
  /** Its brokers, where it has several. */
  readonly nodes: readonly EmbeddedServer[];
  readonly broker: Broker;
}

/** Starts a Kafka cluster of one broker, or of three. */
export async function startCluster(defer: Defer, driver?: DriverName, brokers: 1 | 3 = 1): Promise<Cluster> {
  const started = async <S extends StackServer>(server: S): Promise<S> => {
    defer(() => server.dispose());
    await server.start();
    return server;
  };
  const cluster = brokers === 3 ? await started(await embeddedCluster()) : undefined;
  const server = cluster ?? (await started(await embeddedKafka()));
  const broker = kafkaBroker({
    brokers: server.address.split(','),
    clientId: 'lab',
    requestTimeoutMs: 3_000,
    ...(driver === undefined ? {} : { driver }),
  });
  defer(() => broker.close());
  return { server, nodes: cluster?.nodes ?? [], broker };
}

/** One statement on a server, in a database of its own or in the first one. */
export function onServer<T>({ address }: EmbeddedServer, sql: string, name?: string): Promise<readonly T[]> {
  const url = name === undefined ? address : urlOf(address, name);
  return withDatabase({ url, max: 1, onIdleError: silence }, async ({ executor }) => {
    return (await executor.query<T & Record<string, unknown>>(sql)).rows;
  });
}

export async function startRelay(
  database: RelayOptions['database'],
  broker: Broker,
  defer: Defer,
  { destination } = nowhere,
): Promise<Relay> {
  return withLogsTo(destination, 'warn', async () => {
    const service = relay({ database, broker });
    defer(() => service.stop());
    await service.start();
    return service;
  });
}

export async function startConsumer(
  name: string,
  database: Database<EffectDb>,
  broker: Broker,
  defer: Defer,
  { destination } = nowhere,
): Promise<ConsumerService> {
  return withLogsTo(destination, 'warn', async () => {
    const service = consumerService([effectConsumer(name)], { database, broker });
    defer(() => service.stop());
    await service.start();
    return service;
  });
}

/** Waits until at least `count` events have their effect. */
export async function untilApplied(database: Database<EffectDb>, count: number): Promise<void> {
  await waitUntil(async () => (await countEffects(database.executor)) >= count, {
    what: `${count} effects`,
    deadlineMs: 120_000,
    everyMs: 50,
  });
}
