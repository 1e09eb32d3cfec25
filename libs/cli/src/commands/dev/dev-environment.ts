import { join } from 'node:path';
import { shellWord } from '@convergekit/core/engine';
import { databaseVariable } from '@convergekit/config/engine';

/** The environment variables of a process. */
type Variables = Readonly<Record<string, string | undefined>>;

export interface DevServers {
  readonly databaseUrl: string;
  /** The databases of several services that run together, by name; the first one has the log. @default one runs alone */
  readonly all?: Readonly<Record<string, string>>;
  /** A free port, for a service that does not choose its own. */
  readonly healthPort: number;
}

/** What the process of a service gets: the given environment, completed for development (pure). */
export function devEnvironment(env: Variables, { databaseUrl, all = {}, healthPort }: DevServers): Variables {
  const port = { CONVERGE__HEALTH__PORT: String(healthPort) };
  const [log] = Object.values(all);
  return {
    NODE_ENV: 'development',
    // One line for each event that takes effect.
    LOG_LEVEL: 'debug',
    ...port,
    // With a port of its own it would listen on every address, which is for containers.
    CONVERGE__HEALTH__HOST: '127.0.0.1',
    ...(onKafka(env) ? {} : { CONVERGE__BROKER: 'local' }),
    ...(onKafka(env) || log === undefined ? {} : { CONVERGE__LOCAL__URL: log }),
    ...databaseVariables(all),
    ...env,
    // Several services cannot have one port.
    ...(log === undefined ? {} : port),
    DATABASE_URL: databaseUrl,
  };
}

/** The variables that give databases by name. */
export function databaseVariables(all: Readonly<Record<string, string>>): Variables {
  return Object.fromEntries(Object.entries(all).map(([name, url]) => [databaseVariable(name), url]));
}

/** Where a service has its rows and its events: what a command needs to see the same. */
const PLACES = ['DATABASE_URL', 'CONVERGE__BROKER', 'CONVERGE__LOCAL__URL', 'KAFKA_BROKERS'];

/** What a shell needs so that the commands see what the service does. */
export function exportOf(env: Variables): string {
  const set = PLACES.flatMap((name) => (env[name] === undefined ? [] : [`${name}=${shellWord(env[name])}`]));
  return `export ${set.join(' ')}`;
}

/** The words for where events are. */
export function brokerOf(env: Variables): string {
  return onKafka(env) ? `Kafka at ${env['KAFKA_BROKERS'] ?? ''}` : 'Postgres (set KAFKA_BROKERS for Kafka)';
}

/**
 * Where the data of an embedded Postgres stay, in the working folder: a database belongs to the log whose events it has
 * applied.
 */
export function dataFolder(env: Variables): string {
  const place = onKafka(env) ? `kafka-${(env['KAFKA_BROKERS'] ?? '').replaceAll(/[^\w.-]/g, '_')}` : 'local';
  return join('.converge', 'dev', place);
}

function onKafka(env: Variables): boolean {
  return (env['KAFKA_BROKERS'] ?? '') !== '';
}
