import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { clusterIdAt, newClusterId } from './cluster-id.ts';
import type { Recipe } from './embedded-server.ts';
import { type JavaJars, javaLaunch, kafkaJars } from './java-jars.ts';
import { freePort } from './ports.ts';
import { KAFKA_BROKER_SETTINGS, KAFKA_HEAP, KAFKA_NODE_HEAP } from './kafka-settings.ts';
import { DevStackError } from './stack-error.ts';

const run = promisify(execFile);

/**
 * An additional listener of the broker. The broker redirects clients of the listener to `advertisedPort`, the port of a
 * proxy in front of the broker. (A Kafka client asks for the brokers' addresses and then connects to those, past the
 * proxy it began with.)
 */
export interface KafkaDoor {
  readonly port: number;
  readonly advertisedPort: number;
  /**
   * The protocol of the listener; its settings are named `listener.name.door0.…`, by the door's index. @default
   * PLAINTEXT
   */
  readonly protocol?: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
}

export interface KafkaUser {
  readonly name: string;
  readonly password: string;
}

/** The settings of an embedded Kafka that may differ. */
export interface KafkaSettings {
  /** Additional listeners, each behind its own proxy. @default none */
  readonly doors?: readonly KafkaDoor[];
  /** Further lines of server.properties. @default none */
  readonly settings?: Readonly<Record<string, string>>;
  /** Users that log in by SCRAM. @default none */
  readonly scramUsers?: readonly KafkaUser[];
}

/** The place of a node in a cluster of several. */
export interface KafkaNode {
  readonly id: number;
  readonly clusterId: string;
  readonly controllerPort: number;
  /** All controllers, as `controller.quorum.voters` has them. */
  readonly voters: string;
}

/**
 * The configuration of one node that is broker and controller (KRaft). Settings that are no defaults have their reasons
 * beside them.
 */
function configuration(
  folder: string,
  port: number,
  { id, controllerPort, voters }: Omit<KafkaNode, 'clusterId'>,
  { doors = [], settings = {} }: KafkaSettings,
): string {
  const listeners = doors.map((door, index) => `DOOR${index}://127.0.0.1:${door.port}`);
  const advertised = doors.map((door, index) => `DOOR${index}://127.0.0.1:${door.advertisedPort}`);
  const protocols = doors.map(({ protocol = 'PLAINTEXT' }, index) => `DOOR${index}:${protocol}`);
  return [
    'process.roles=broker,controller',
    `node.id=${id}`,
    `controller.quorum.voters=${voters}`,
    `listeners=${[`PLAINTEXT://127.0.0.1:${port}`, `CONTROLLER://127.0.0.1:${controllerPort}`, ...listeners].join()}`,
    `advertised.listeners=${[`PLAINTEXT://127.0.0.1:${port}`, ...advertised].join()}`,
    'controller.listener.names=CONTROLLER',
    `listener.security.protocol.map=${['PLAINTEXT:PLAINTEXT', 'CONTROLLER:PLAINTEXT', ...protocols].join()}`,
    `log.dirs=${join(folder, 'logs')}`,
    // A separate folder makes a second broker stop at the lock, instead of breaking the first broker's stop.
    `metadata.log.dir=${join(folder, 'metadata')}`,
    ...Object.entries({ ...KAFKA_BROKER_SETTINGS, ...settings }).map(([name, value]) => `${name}=${value}`),
    '',
  ].join('\n');
}

export interface KafkaRecipeOptions extends KafkaSettings {
  readonly folder: string;
  readonly jarsDirectory: string;
  readonly log: (line: string) => void;
  /** @default the only node of a cluster of its own */
  readonly node?: KafkaNode;
}

export function kafkaRecipe({ folder, jarsDirectory, log, node, ...different }: KafkaRecipeOptions): Recipe {
  const clusterId = node?.clusterId ?? newClusterId();
  const home = join(folder, 'kafka');
  let controllerPort: number | undefined;
  let base: JavaJars | undefined;
  return {
    what: 'Kafka',
    failure: 'KAFKA_FAILED',
    stopSignal: 'SIGTERM',
    async prepare(port) {
      base ??= await kafkaJars({ directory: jarsDirectory, log });
      controllerPort ??= node?.controllerPort ?? (await freePort());
      mkdirSync(home, { recursive: true });
      const file = join(home, 'server.properties');
      const { id, voters } = node ?? { id: 1, voters: `1@127.0.0.1:${controllerPort}` };
      writeFileSync(file, configuration(home, port, { id, controllerPort, voters }, different));
      if (!existsSync(join(home, 'logs', 'meta.properties')))
        await format(base, file, clusterId, different.scramUsers ?? []);
      return javaLaunch(base, [node === undefined ? KAFKA_HEAP : KAFKA_NODE_HEAP], ['kafka.Kafka', file]);
    },
    address: (port) => `127.0.0.1:${port}`,
    ready: async (_pid, port) => (await clusterIdAt(port)) === clusterId,
    transient: () => false,
  };
}

/** A limit on a command that hangs: it takes a second, and more than a minute on a machine under heavy load. */
const FORMAT_HANGS_MS = 300_000;

async function format(
  base: JavaJars,
  file: string,
  clusterId: string,
  users: readonly KafkaUser[],
): Promise<void> {
  const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  const arguments_ = ['kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', clusterId, '-c', file];
  const scram = users.flatMap(({ name, password }) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  const { command, args } = javaLaunch(base, flags, [...arguments_, ...scram]);
  try {
    await run(command, args, { timeout: FORMAT_HANGS_MS });
  } catch (error) {
    throw new DevStackError(
      'KAFKA_FAILED',
      `Kafka's data folder could not be formatted: ${String(error)}`,
      error,
    );
  }
}
