import { chosenBroker } from '@convergekit/local/choose';
import { type PolicyLayer, policyLayersOf } from '@convergekit/resilience';
import { type Environment, loadSettings, originOf, type Setting } from '@convergekit/config';
import { otherUrls } from '@convergekit/postgres/engine';
import type { z } from 'zod';
import { databaseVariable, loose, namedIn, nearest, placesOf } from '@convergekit/config/engine';
import { misconfigured } from './errors.ts';
import { settingsSchema } from './settings-schema.ts';

export type Settings = z.output<typeof settingsSchema> & {
  /** The policies of file and environment, separately. */
  readonly policyLayers: readonly PolicyLayer[];
  /** Every value that was set, with its source; of one path the last is in force. */
  readonly set: readonly Setting[];
  /** The setting of the database's address, and the setting's source. Undefined: not set. */
  readonly databaseSetting: string | undefined;
  /** The environment that they were read from, for variables that are no settings. */
  readonly env: Environment;
};

/** Throws one ConfigError that names everything that is wrong. */
export function readSettings(env: Environment, file?: string): Settings {
  const { config, settings } = loadSettings<z.output<typeof settingsSchema>>(settingsSchema, {
    env: withoutServiceVariables(env),
    file,
  });
  return {
    ...config,
    policyLayers: policyLayersOf(settings),
    set: settings,
    databaseSetting: originOf(settings, ['database', 'url']),
    env,
  };
}

/** Rejects settings that name no broker; a command that needs one cannot guess. */
export function requireBroker(settings: Settings): void {
  if (chosenBroker(settings) === 'local') return;
  if (settings.kafka.brokers.length > 0) return;
  throw missing(
    'KAFKA_BROKERS',
    'host:port[,host:port…] of the Kafka cluster, or set CONVERGE__BROKER=local for a log in Postgres',
  );
}

/** The URL, or undefined to let the driver read PG*. Guessing localhost would migrate the wrong database one day. */
export function requireDatabase({ database, env }: Settings): string | undefined {
  if (database.url !== undefined) return checkedUrl(database.url, 'DATABASE_URL');
  if (hasPgVariables(env)) return undefined;
  const form = 'postgres://user:password@host:5432/database, or PGHOST and PGDATABASE';
  throw missing('DATABASE_URL', `${form}${otherUrls(env)}`);
}

/** Returns whether a database is set, for commands that do not require one. */
export function hasDatabase({ database, env }: Settings): boolean {
  return database.url !== undefined || hasPgVariables(env);
}

function hasPgVariables(env: Environment): boolean {
  return ['PGHOST', 'PGDATABASE', 'PGSERVICE'].some((name) => (env[name] ?? '') !== '');
}

export interface NamedSource {
  readonly name: string;
  readonly url: string;
}

/** The outboxes of a relay that serves several; none when it serves the one of DATABASE_URL. */
export function sourcesOf({ relay: { sources } }: Settings): readonly NamedSource[] {
  const named = new Map<string, string>();
  return Object.entries(sources).map(([name, text]) => {
    const url = checkedUrl(text, `relay.sources.${name}`);
    const { host, pathname } = new URL(url);
    const other = named.get(host + pathname);
    // One of the two relays would stand by for ever, and which one would be random.
    if (other !== undefined)
      throw misconfigured(
        'CONFIG_INVALID',
        `relay.sources.${name} and relay.sources.${other} are the same database: name each outbox once`,
      );
    named.set(host + pathname, name);
    return { name, url };
  });
}

/** Lists the databases of the settings; of `names`, those that they have. */
export function addressesOf(
  { databases }: Pick<Settings, 'databases'>,
  names: readonly string[] = Object.keys(databases),
) {
  return names.flatMap((name) => {
    const setting = databaseVariable(name);
    const url = namedIn(databases, name);
    return url === undefined ? [] : [{ name, setting, url: checkedUrl(url, setting) }];
  });
}

export function checkedUrl(url: string, setting: string): string {
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return url;
  // The value itself may be a password that landed in the wrong variable.
  throw misconfigured(
    'CONFIG_INVALID',
    `${setting} is no Postgres URL: give it as postgres://user:password@host:5432/database, with special characters of the password percent-encoded`,
  );
}

function missing(name: string, form: string) {
  return misconfigured('CONFIG_MISSING', `${name} is not set: give it as ${form}`);
}

/**
 * Leaves out the variables of a service's own settings, such as CONVERGE__HTTP__PORT: commands run in the environment of
 * a service (pure). A group that resembles one of the commands stays, since it is a typing error.
 */
function withoutServiceVariables(env: Environment): Environment {
  const groups = Object.keys(settingsSchema.shape).map(loose);
  // A setting whose groups are not separated, as in CONVERGE__RELAY_RETAIN_MS.
  const whole = new Set(placesOf(settingsSchema).map((path) => loose(path.join(''))));
  const isForeign = (name: string): boolean => {
    const [, rest = ''] = /^CONVERGE__(.+)$/.exec(name) ?? [];
    const [group = ''] = rest.split('__');
    return rest !== '' && nearest(loose(group), groups) === undefined && !whole.has(loose(rest));
  };
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isForeign(name)));
}
