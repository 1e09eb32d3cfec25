import { systemClock } from '@converge/runtime';
import { chooseStack, type Choice } from './choose.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { kafkaServer, postgresServer } from './embedded.ts';
import { createInstance, dataFolder, type Instance, type InstanceKind, reapInstances } from './instance.ts';
import type { PostgresSettings } from './postgres-recipe.ts';

export interface Stack {
  readonly databaseUrl: string;
  readonly brokers: string;
  /** How what was started was started; `given` when nothing had to be. */
  readonly chose: 'given' | 'docker' | 'embedded';
  /** To stop, kill and restart it; only when it is embedded. */
  readonly postgres?: EmbeddedServer;
  /** To stop, kill and restart it; only when it is embedded. */
  readonly kafka?: EmbeddedServer;
  /** Ends what was started and removes its data. Idempotent. */
  stop(): Promise<void>;
}

export interface StackOptions {
  /** Progress, a line each. @default silent */
  readonly log?: (line: string) => void;
  /** Where data and jars live. @default '.converge' in the working folder */
  readonly dataDir?: string;
  /** @default any free port */
  readonly postgresPort?: number | undefined;
  /** @default any free port */
  readonly kafkaPort?: number | undefined;
  /** @default process.env; DATABASE_URL and KAFKA_BROKERS are used as they are when set */
  readonly env?: NodeJS.ProcessEnv;
  /** Server settings of a Postgres that is started, such as `{ wal_level: 'logical' }`. @default none */
  readonly postgresSettings?: PostgresSettings;
  /** Seen by `status` and `down`. @default 'run' */
  readonly kind?: InstanceKind;
}

/** A part that runs: its address, and how to end it. */
interface Part {
  readonly address: string;
  readonly controls?: EmbeddedServer;
  stop(): Promise<void>;
}

interface Surroundings {
  readonly dataDir: string;
  readonly log: (line: string) => void;
  readonly kind: InstanceKind;
  readonly ports: { readonly postgres: number | undefined; readonly kafka: number | undefined };
  readonly postgresSettings: PostgresSettings | undefined;
}

/**
 * A Postgres 18 and a Kafka 4.3: given by DATABASE_URL and KAFKA_BROKERS, else in Docker, else embedded. When it
 * rejects (a StackError says what to install or change), nothing of it runs.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { log = () => undefined, env = process.env, kind = 'run' } = options;
  const { DATABASE_URL: databaseUrl, KAFKA_BROKERS: brokers } = env;
  const given = Boolean(databaseUrl) && Boolean(brokers);
  const docker = given ? undefined : await import('./docker.ts');
  const choices = chooseStack({
    databaseUrl,
    brokers,
    dockerAnswers: (await docker?.dockerAnswers()) ?? false,
  });
  const began = systemClock.monotonic();
  const around: Surroundings = {
    dataDir: dataFolder(options.dataDir),
    log,
    kind,
    ports: { postgres: options.postgresPort, kafka: options.kafkaPort },
    postgresSettings: options.postgresSettings,
  };
  const chose = given ? 'given' : choices.postgres.how === 'given' ? choices.kafka.how : choices.postgres.how;
  const why = chose === 'embedded' ? ' (no Docker engine answers)' : '';
  log(`stack: ${describe('Postgres', choices.postgres)}, ${describe('Kafka', choices.kafka)}${why}`);
  const { postgres, kafka, stop } = await startParts(choices.postgres, choices.kafka, around);
  if (chose !== 'given') log(`stack: ready in ${((systemClock.monotonic() - began) / 1_000).toFixed(1)} s`);
  return {
    databaseUrl: postgres.address,
    brokers: kafka.address,
    chose,
    ...(postgres.controls === undefined ? {} : { postgres: postgres.controls }),
    ...(kafka.controls === undefined ? {} : { kafka: kafka.controls }),
    stop,
  };
}

/** Runs `work` on a stack and ends the stack whatever happens. */
export async function withStack<T>(
  work: (stack: Stack) => Promise<T>,
  options: StackOptions = {},
): Promise<T> {
  const stack = await startStack(options);
  try {
    return await work(stack);
  } finally {
    await stack.stop();
  }
}

function describe(what: string, choice: Choice): string {
  switch (choice.how) {
    case 'given':
      return `${what} as given by the environment`;
    case 'docker':
      return `${what} in Docker`;
    case 'embedded':
      return `${what} embedded`;
  }
}

async function startParts(
  postgresChoice: Choice,
  kafkaChoice: Choice,
  around: Surroundings,
): Promise<{ postgres: Part; kafka: Part; stop: () => Promise<void> }> {
  const embedded = [postgresChoice, kafkaChoice].some((choice) => choice.how === 'embedded');
  if (embedded) await reapInstances(around.dataDir, around.log);
  const instance = embedded ? createInstance(around.dataDir, around.kind) : undefined;
  const starting = [
    startPart('postgres', postgresChoice, instance, around),
    startPart('kafka', kafkaChoice, instance, around),
  ] as const;
  const settled = await Promise.allSettled(starting);
  const running = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((part) => part.stop()));
    instance?.remove();
  };
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { postgres: await starting[0], kafka: await starting[1], stop };
}

async function startPart(
  what: 'postgres' | 'kafka',
  choice: Choice,
  instance: Instance | undefined,
  { dataDir, log, ports, postgresSettings }: Surroundings,
): Promise<Part> {
  if (choice.how === 'given') return { address: choice.value, stop: () => Promise.resolve() };
  if (choice.how === 'docker' || instance === undefined) {
    const { dockerKafka, dockerPostgres } = await import('./docker.ts');
    return what === 'postgres' ? dockerPostgres(ports.postgres, postgresSettings) : dockerKafka(ports.kafka);
  }
  const server =
    what === 'postgres'
      ? postgresServer(instance, ports.postgres, postgresSettings)
      : kafkaServer(instance, ports.kafka, { dataDir, log });
  await server.start();
  return { address: server.address, controls: server, stop: () => server.stop() };
}
