import { join } from 'node:path';
import { EmbeddedServer } from './embedded-server.ts';
import { createInstance, dataFolder, type Instance, reapInstances } from './instance.ts';
import { type KafkaDoor, kafkaRecipe } from './kafka-recipe.ts';
import { postgresRecipe, type PostgresSettings } from './postgres-recipe.ts';

export interface EmbeddedPostgresOptions extends EmbeddedOptions {
  /** Server settings, such as `{ wal_level: 'logical' }`. @default none */
  readonly settings?: PostgresSettings;
}

export interface EmbeddedKafkaOptions extends EmbeddedOptions {
  /** More ways in, each behind a proxy of its own. @default none */
  readonly doors?: readonly KafkaDoor[];
}

export interface EmbeddedOptions {
  /** Where data and jars live. @default '.converge' in the working folder */
  readonly dataDir?: string;
  /** @default any free port */
  readonly port?: number;
  /** Progress, a line each. @default silent */
  readonly log?: (line: string) => void;
}

/**
 * A Postgres 18 of its own, for tests that stop, kill or fill it. Not started yet. User `postgres`, database
 * `postgres`, no password, reachable from this machine only.
 */
export async function embeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedServer> {
  const { instance } = await open(options);
  return postgresServer(instance, options.port, options.settings);
}

/** An Apache Kafka 4.3.1 of its own, for tests that stop, kill or restart it. Not started yet. */
export async function embeddedKafka(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedServer> {
  const { instance, dataDir, log } = await open(options);
  return kafkaServer(instance, options.port, { dataDir, log, doors: options.doors });
}

export function postgresServer(
  instance: Instance,
  port: number | undefined,
  settings: PostgresSettings | undefined,
): EmbeddedServer {
  const { folder } = instance;
  const recipe = postgresRecipe({
    folder,
    settings,
    onElsewhere: (path) => instance.addElsewhere(path),
  });
  return new EmbeddedServer({ recipe, folder, port, onDispose: () => instance.remove() });
}

export function kafkaServer(
  instance: Instance,
  port: number | undefined,
  {
    dataDir,
    log,
    doors,
  }: { dataDir: string; log: (line: string) => void; doors?: readonly KafkaDoor[] | undefined },
): EmbeddedServer {
  const { folder } = instance;
  const recipe = kafkaRecipe({ folder, jarsDirectory: join(dataDir, 'kafka-jars'), log, doors });
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
