import { containerTools, javaTools, type KafkaTools } from '../kafka-tools.ts';
import type { Choice } from './choose.ts';
import { clusterServer, kafkaServer, postgresServer } from './embedded.ts';
import type { Instance, InstanceKind } from './instance.ts';
import type { PostgresSettings } from './postgres-settings.ts';
import type { StackServer } from './server.ts';

/** A running part of the stack: its address, the server that controls it, and Kafka's tools. */
export interface Part {
  readonly address: string;
  readonly server?: StackServer;
  readonly tools: KafkaTools;
  /** Ends the part and removes its data. */
  stop(): Promise<void>;
}

export interface StartContext {
  readonly dataDir: string;
  readonly log: (line: string) => void;
  readonly env: NodeJS.ProcessEnv;
  readonly kind: InstanceKind;
  readonly keepIn: string | undefined;
  readonly ports: { readonly postgres: number | undefined; readonly kafka: number | undefined };
  readonly postgresSettings: PostgresSettings | undefined;
  readonly brokers: number;
}

/** Starts Postgres or Kafka as chosen. */
export async function startPart(
  what: 'postgres' | 'kafka',
  choice: Choice,
  instance: () => Instance,
  context: StartContext,
): Promise<Part> {
  const { dataDir, log, env } = context;
  switch (choice.how) {
    case 'given':
      return {
        address: choice.value,
        tools: javaTools(choice.value, dataDir, { env, log }),
        stop: () => Promise.resolve(),
      };
    case 'docker':
      return startContainer(what, instance(), context);
    case 'embedded': {
      if (what === 'kafka' && context.brokers > 1) return startCluster(context);
      const server =
        what === 'postgres'
          ? postgresServer(instance(), { port: context.ports.postgres, settings: context.postgresSettings })
          : kafkaServer(instance(), context.ports.kafka, { dataDir, log });
      await server.start();
      const { address } = server;
      // The data goes with the instance's folder, when both parts have ended.
      return { address, server, tools: javaTools(address, dataDir, { env, log }), stop: () => server.stop() };
    }
  }
}

async function startCluster({ dataDir, log, env, kind, brokers }: StartContext): Promise<Part> {
  const server = await clusterServer(dataDir, kind, { brokers, log });
  await server.start();
  const { address } = server;
  return { address, server, tools: javaTools(address, dataDir, { env, log }), stop: () => server.dispose() };
}

async function startContainer(
  what: 'postgres' | 'kafka',
  instance: Instance,
  { ports, postgresSettings }: StartContext,
): Promise<Part> {
  const { DockerServer } = await import('./docker-server.ts');
  const { KAFKA_INSIDE, kafkaContainer, postgresContainer } = await import('./docker-recipes.ts');
  const recipe = what === 'postgres' ? postgresContainer(postgresSettings) : kafkaContainer();
  instance.expectContainers();
  const server = new DockerServer({ recipe, instance: instance.name, port: ports[what] });
  await server.start();
  return {
    address: server.address,
    server,
    tools: containerTools(server, KAFKA_INSIDE),
    stop: () => server.dispose(),
  };
}
