import { resolve } from 'node:path';
import { systemClock } from '@convergekit/core';
import type { KafkaTools } from '../kafka-tools.ts';
import { type Beside, type BesideOptions, startBeside } from './beside-postgres.ts';
import { askedStack, assertPossible, type Choice, type Choices, chooseStack } from './choose.ts';
import { dockerEngine } from './docker-package.ts';
import {
  createInstance,
  dataFolder,
  type Instance,
  type InstanceKind,
  keptInstance,
  reapInstances,
  lastPort,
} from './instance.ts';
import { type Part, startPart, type StartContext } from './part.ts';
import type { PostgresSettings } from './postgres-settings.ts';
import type { StackServer } from './server.ts';
import { PAIR_SETTINGS } from './standby.ts';

export interface Stack extends Beside {
  /** The address of a database whose role may create others. */
  readonly databaseUrl: string;
  /** The brokers as `host:port`, with commas between them. */
  readonly brokers: string;
  /** The way in which the servers were started; `given` when none had to be. */
  readonly chose: 'given' | 'docker' | 'embedded';
  /** The server, to stop, kill and restart Postgres; undefined when Postgres was given. */
  readonly postgres?: StackServer;
  /** The server, to stop, kill and restart Kafka; undefined when Kafka was given. */
  readonly kafka?: StackServer;
  /** Runs the command-line tools of Kafka. */
  readonly kafkaTools: KafkaTools;
  /** Ends the started servers and removes their data. Idempotent. */
  stop(): Promise<void>;
}

export interface StackOptions extends BesideOptions {
  /** Progress, a line each. @default silent */
  readonly log?: (line: string) => void;
  /** The folder of data and jars. @default '.converge' in the working folder */
  readonly dataDir?: string;
  /** The folder of the data of embedded servers, which stay after the stop. @default they are removed */
  readonly keepIn?: string;
  /** The port of a Postgres that is started. @default any free port */
  readonly postgresPort?: number | undefined;
  /** The port of the first broker that is started. @default any free port */
  readonly kafkaPort?: number | undefined;
  /** The number of embedded brokers: 3 is a cluster with replication 3. @default 1 */
  readonly brokers?: 1 | 3 | undefined;
  /**
   * The variables that choose the servers. @default process.env; DATABASE_URL and KAFKA_BROKERS are used as they are
   * when set, CONVERGE_STACK chooses the rest
   */
  readonly env?: NodeJS.ProcessEnv;
  /** Server settings of a Postgres that is started, such as `{ wal_level: 'logical' }`. @default none */
  readonly postgresSettings?: PostgresSettings;
  /** Seen by `status` and `down`. @default 'run' */
  readonly kind?: InstanceKind;
}

/**
 * Provides a Postgres 18 and a Kafka 4.3. They are given by DATABASE_URL and KAFKA_BROKERS, else run in Docker, else
 * embedded; CONVERGE_STACK=docker|embedded fixes the choice. A rejection (a DevStackError that says what to install or
 * change) leaves nothing running.
 * @example
 * ```ts
 * import { startStack } from '@convergekit/testing';
 * import { kafkaBroker } from 'convergekit/kafka';
 *
 * const stack = await startStack();
 * const broker = kafkaBroker({ brokers: stack.brokers.split(','), clientId: 'test' });
 * await broker.close();
 * await stack.stop();
 * ```
 */
export function startStack(options: StackOptions = {}): Promise<Stack> {
  return startServers(options, true);
}

/** Starts Postgres, and Kafka unless the caller needs none: then it is neither chosen nor started. */
export async function startServers(options: StackOptions, withKafka: boolean): Promise<Stack> {
  const { log = () => undefined, kind = 'run' } = options;
  const { env: given = process.env } = options;
  const env = withKafka ? given : { ...given, KAFKA_BROKERS: 'none' };
  const choices = await choose(env, log);
  assertPossible(choices, options);
  const began = systemClock.monotonic();
  const context: StartContext = {
    dataDir: dataFolder(options.dataDir),
    log,
    env,
    kind,
    keepIn: options.keepIn,
    ports: { postgres: options.postgresPort, kafka: options.kafkaPort },
    postgresSettings: { ...(options.standby && PAIR_SETTINGS), ...options.postgresSettings },
    brokers: options.brokers ?? 1,
  };
  const chose = choices.postgres.how === 'given' ? choices.kafka.how : choices.postgres.how;
  const why = choices.because === undefined ? '' : ` (${choices.because})`;
  const kafkaToo = withKafka ? `, ${describe('Kafka', choices.kafka)}` : '';
  log(`stack: ${describe('Postgres', choices.postgres)}${kafkaToo}${why}`);
  const { postgres, kafka, stop: stopParts } = await startParts(choices, context);
  const stops = [stopParts];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).toReversed()) await one();
  };
  const beside = await startBeside(postgres.server, options, context.dataDir, (one) => stops.push(one)).catch(
    async (error: unknown) => {
      await stop();
      throw error;
    },
  );
  if (chose !== 'given') log(`stack: ready in ${((systemClock.monotonic() - began) / 1_000).toFixed(1)} s`);
  return {
    databaseUrl: postgres.address,
    brokers: kafka.address,
    chose,
    ...(postgres.server === undefined ? {} : { postgres: postgres.server }),
    ...(kafka.server === undefined ? {} : { kafka: kafka.server }),
    ...beside,
    kafkaTools: kafka.tools,
    stop,
  };
}

/** Asks Docker only when something has to be started and nothing forbids it. */
async function choose(env: NodeJS.ProcessEnv, log: (line: string) => void): Promise<Choices> {
  const { DATABASE_URL: databaseUrl, KAFKA_BROKERS: brokers } = env;
  const asked = askedStack(env['CONVERGE_STACK']);
  const given = { postgres: Boolean(databaseUrl), kafka: Boolean(brokers) };
  if (asked === 'embedded' || (given.postgres && given.kafka))
    return chooseStack({ databaseUrl, brokers, asked, docker: undefined });
  const engine = await dockerEngine();
  if (engine === undefined) {
    const why = 'the npm package testcontainers is not installed';
    return chooseStack({ databaseUrl, brokers, asked, docker: { ready: false, why } });
  }
  const { KAFKA_IMAGE, POSTGRES_IMAGE } = await import('./docker-recipes.ts');
  const images = [...(given.postgres ? [] : [POSTGRES_IMAGE]), ...(given.kafka ? [] : [KAFKA_IMAGE])];
  return chooseStack({ databaseUrl, brokers, asked, docker: await engine.prepareDocker(images, log) });
}

/**
 * Runs `work` on a stack and ends the stack whatever happens.
 * @example
 * ```ts
 * import { freshTopic, withStack } from '@convergekit/testing';
 *
 * await withStack(async ({ databaseUrl, brokers }) => {
 *   console.log(databaseUrl, await freshTopic(brokers));
 * });
 * ```
 */
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
  { postgres: postgresChoice, kafka: kafkaChoice }: Choices,
  context: StartContext,
): Promise<{ postgres: Part; kafka: Part; stop: () => Promise<void> }> {
  const wanted = [postgresChoice, kafkaChoice].some(({ how }) => how !== 'given');
  if (wanted) await reapInstances(context.dataDir, context.log);
  const { keepIn } = context;
  let instance = wanted && keepIn !== undefined ? await keptInstance(resolve(keepIn)) : undefined;
  const kept = instance === undefined ? undefined : await lastPort(instance.folder);
  const inside = (): Instance => (instance ??= createInstance(context.dataDir, context.kind));
  const starting = [
    startPart('postgres', postgresChoice, inside, {
      ...context,
      ports: { ...context.ports, postgres: context.ports.postgres ?? kept },
    }),
    startPart('kafka', kafkaChoice, inside, context),
  ] as const;
  const settled = await Promise.allSettled(starting);
  const running = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((part) => part.stop()));
    await instance?.remove();
  };
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { postgres: await starting[0], kafka: await starting[1], stop };
}
