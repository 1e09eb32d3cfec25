import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from 'testcontainers';
import { freePort } from './ports.ts';
import type { PostgresSettings } from './postgres-recipe.ts';

/** Bounded, because an unreachable DOCKER_HOST would otherwise hang the start. */
export async function dockerAnswers(timeoutMs = 3_000): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  const asked = getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

export interface DockerServer {
  /** A database URL, or `host:port` of the broker. */
  readonly address: string;
  stop(): Promise<void>;
}

export async function dockerPostgres(port?: number, settings: PostgresSettings = {}): Promise<DockerServer> {
  const server = { max_connections: 300, max_prepared_transactions: 20, ...settings };
  const container = await new GenericContainer('postgres:18')
    .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust' })
    .withExposedPorts(port === undefined ? 5432 : { container: 5432, host: port })
    .withCommand([
      'postgres',
      ...Object.entries(server).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ])
    // Twice: the image starts once more after its own set-up.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  const address = `postgres://postgres@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return { address, stop: () => stop(container) };
}

/** A broker tells its clients where it is, so its port on the host has to be known before it starts. */
export async function dockerKafka(port?: number): Promise<DockerServer> {
  const { host } = (await getContainerRuntimeClient()).info.containerRuntime;
  const hostPort = port ?? (await freePort());
  const container = await new GenericContainer('apache/kafka:4.3.1')
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
      KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${host}:${hostPort}`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '4',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '500',
    })
    .withExposedPorts({ container: 9092, host: hostPort })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start();
  return { address: `${host}:${hostPort}`, stop: () => stop(container) };
}

async function stop(container: StartedTestContainer): Promise<void> {
  await container.stop({ remove: true, removeVolumes: true });
}
