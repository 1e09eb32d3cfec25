import { connect } from '@convergekit/postgres';
import { clusterIdAt, newClusterId } from './cluster-id.ts';
import type { ContainerRecipe } from './docker-server.ts';
import { KAFKA_BROKER_SETTINGS, KAFKA_HEAP } from './kafka-settings.ts';
import {
  newPassword,
  POSTGRES_INITDB,
  POSTGRES_SERVER_SETTINGS,
  type PostgresSettings,
} from './postgres-settings.ts';

export const POSTGRES_IMAGE = 'postgres:18';
export const KAFKA_IMAGE = 'apache/kafka:4.3.1';

/** The address at which Kafka's tools inside the container find the broker. */
export const KAFKA_INSIDE = 'localhost:19092';

export function postgresContainer(settings: PostgresSettings = {}): ContainerRecipe {
  const server = { ...POSTGRES_SERVER_SETTINGS, ...settings };
  const password = newPassword();
  const address = (port: number): string => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  return {
    what: 'Postgres',
    failure: 'POSTGRES_FAILED',
    image: POSTGRES_IMAGE,
    command: ['postgres', ...Object.entries(server).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    containerPort: 5432,
    environment: () => ({
      POSTGRES_PASSWORD: password,
      POSTGRES_INITDB_ARGS: POSTGRES_INITDB.filter((flag) => !flag.startsWith('--username')).join(' '),
    }),
    address,
    // The server is ready when it answers on TCP: the image's set-up runs a server without TCP first.
    ready: (port) => answersQuery(address(port)),
  };
}

/** One node that is broker and controller (KRaft), as in the embedded Kafka. */
export function kafkaContainer(): ContainerRecipe {
  const clusterId = newClusterId();
  return {
    what: 'Kafka',
    failure: 'KAFKA_FAILED',
    image: KAFKA_IMAGE,
    containerPort: 9092,
    environment: (port) => ({
      CLUSTER_ID: clusterId,
      KAFKA_HEAP_OPTS: KAFKA_HEAP,
      ...asEnvironment({
        'node.id': '1',
        'process.roles': 'broker,controller',
        'controller.quorum.voters': '1@localhost:9093',
        'controller.listener.names': 'CONTROLLER',
        listeners: 'PLAINTEXT://:9092,CONTROLLER://localhost:9093,INSIDE://localhost:19092',
        // The port on the host is part of the configuration, because a broker names its address to its clients.
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},INSIDE://${KAFKA_INSIDE}`,
        'inter.broker.listener.name': 'INSIDE',
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT',
        ...KAFKA_BROKER_SETTINGS,
      }),
    }),
    address: (port) => `127.0.0.1:${port}`,
    ready: async (port) => (await clusterIdAt(port)) === clusterId,
  };
}

/** `process.roles` is `KAFKA_PROCESS_ROLES` to the image. */
function asEnvironment(settings: Readonly<Record<string, string>>): Record<string, string> {
  const named = ([name, value]: [string, string]): [string, string] => [
    `KAFKA_${name.replaceAll('.', '_').toUpperCase()}`,
    value,
  ];
  return Object.fromEntries(Object.entries(settings).map(named));
}

async function answersQuery(url: string): Promise<boolean> {
  const database = connect({ url, applicationName: 'converge-testing', max: 1 });
  try {
    await database.executor.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await database.close();
  }
}
