import { join } from 'node:path';
import { shellWord } from '@convergekit/core/engine';
import { databaseVariable } from '@convergekit/config/engine';

/** The environment variables of a process. */
type Variables = Readonly<Record<string, string | undefined>>;

export interface DevServers {
  readonly databaseUrl: string;
  /** The databases of several services that run together, by name; the first one has the log. @default one runs alone */
  readonly all?: Readonly<Record<string, string>>;
  /** The place of the service among them. @default the first */
  readonly at?: number;
  /** A free port, for a service that does not choose its own. */
  readonly healthPort: number;
}

/** What the process of a service gets: the given environment, completed for development (pure). */
export function devEnvironment(
  env: Variables,
  { databaseUrl, all = {}, at = 0, healthPort }: DevServers,
): Variables {
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
    ...(log === undefined ? {} : { ...port, ...httpPort(env, at) }),
    DATABASE_URL: databaseUrl,
  };
}

/** The port of a service's HTTP API: the first service has the one of a service alone, each further one the next. */
function httpPort({ CONVERGE__HTTP__PORT: given }: Variables, at: number): Variables {
  const first = Number(given === undefined || given === '' ? 3_000 : given);
  // 0 takes any free port. The service itself refuses what is no port.
  return first > 0 ? { CONVERGE__HTTP__PORT: String(first + at) } : {};
}

/** The variables that give databases by name. */
export function databaseVariables(all: Readonly<Record<string, string>>): Variables {
  return Object.fromEntries(Object.entries(all).map(([name, url]) => [databaseVariable(name), url]));
}

/** Where a service has its rows and its events: what a command needs to see the same. */
const PLACES = ['DATABASE_URL', 'CONVERGE__BROKER', 'CONVERGE__LOCAL__URL', 'KAFKA_BROKERS'];

/** What a shell needs so that the commands see what the service does; the password of a server that was given is left out. */
export function exportOf(env: Variables, server: 'own' | 'given'): string {
  const shown = server === 'own' ? (text: string) => text : withoutPassword;
  const set = PLACES.flatMap((name) => {
    const text = env[name];
    return text === undefined ? [] : [`${name}=${shellWord(shown(text))}`];
  });
  return `export ${set.join(' ')}`;
}

/** Leaves the password out of a URL (pure); also of one with several hosts, which `URL` does not read. */
export function withoutPassword(url: string): string {
  return url
    .replace(/^([a-z]+:\/\/[^:/?@]*):[^/?]*@/, '$1@')
    .replace(/([?&])password=[^&]*&?/, '$1')
    .replace(/[?&]$/, '');
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
