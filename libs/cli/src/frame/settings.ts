import { kafkaSettings } from '@convergekit/kafka';
import { outboxSettings, relaySettings } from '@convergekit/relay/settings';
import { type PolicyLayer, policyLayersOf, policyRulesSchema } from '@convergekit/resilience';
import { type Environment, loadSettings, originOf } from '@convergekit/config';
import { otherUrls } from '@convergekit/postgres/engine';
import { logLevels } from '@convergekit/telemetry/engine';
import { z } from 'zod';
import { misconfigured } from './errors.ts';

const milliseconds = z.number().int().positive();

/**
 * The schema of all commands, so that one environment serves them all. A command that needs an optional setting
 * requires it (`requireBrokers`, `requireDatabase`).
 */
const schema = z.object({
  database: z
    .object({
      /** `postgres://user:password@host:port/database`. @default the standard PG* variables */
      url: z.string().optional(),
    })
    .prefault({}),
  /** Commands that talk to Kafka refuse to guess its brokers. */
  kafka: kafkaSettings.prefault({}),
  health: z
    .object({
      /** 0 takes any free port, which the log names. @default 0 */
      port: z.number().int().min(0).max(65_535).default(0),
      /** @default 127.0.0.1 for any free port (it is known only on this machine), else 0.0.0.0 */
      host: z.string().optional(),
    })
    .prefault({}),
  log: z.object({ level: z.enum(logLevels).default('info') }).prefault({}),
  outbox: outboxSettings.prefault({}),
  relay: relaySettings.prefault({}),
  /** The keys of signed sources, for `consumers replay`: `CONVERGE__SIGNATURES__KEYS__ORDERS_FILE=…`. */
  signatures: z
    .object({
      /** The keys by source name, two while one is replaced. @default none: signatures are not compared */
      keys: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}),
      others: z.enum(['refuse', 'accept']).default('refuse'),
    })
    .prefault({}),
  /** Policies by name, over those of the code: `CONVERGE__POLICIES__PAYMENT__CHARGE__ATTEMPTS=2` (docs/guides/choose-a-policy.md). */
  policies: policyRulesSchema.prefault({}),
  reconcile: z
    .object({
      /** Files, folders of files, or packages that export reconcilers. @default none */
      modules: z.array(z.string()).default([]),
      /** The databases that reconcilers name: `CONVERGE__RECONCILE__DATABASES__ORDERS=postgres://…`. */
      databases: z.record(z.string(), z.string()).default({}),
      /** The time the audit of repairs and verdicts is kept, in milliseconds. @default 7_776_000_000, 90 days */
      auditMs: milliseconds.min(86_400_000).default(7_776_000_000),
      /** Connections to each database at most; services have their own. @default 10 */
      connections: z.number().int().min(2).default(10),
      /** A statement that takes longer is ended, so that it does not slow the services, in milliseconds. @default 60_000 */
      statementMs: milliseconds.default(60_000),
      /** Keys of one reconciler that are compared at a time. @default 4 */
      workers: z.number().int().positive().default(4),
      /** The time after which a process that does not answer is replaced, in milliseconds. @default 30_000 */
      leaseMs: milliseconds.min(1_000).default(30_000),
      /** Runs of each reconciler that the history keeps. @default 1_000 */
      keepRuns: z.number().int().positive().default(1_000),
      /** The scans for lost and stalled events, and for overdue steps: they report, and repair nothing. */
      scans: z
        .object({
          /** False turns them off in this process. @default true */
          on: z.boolean().default(true),
          /** @default 60_000 */
          everyMs: milliseconds.min(1_000).default(60_000),
          /** An event that was sent this long ago and is not handled counts as stalled, in milliseconds. @default 600_000 */
          stalledMs: milliseconds.default(600_000),
          /** An open step, call or workflow that waits this long is reported, in milliseconds. @default 900_000 */
          overdueMs: milliseconds.default(900_000),
          /** Consumers that are gone for good, and whose rows remain. @default none */
          ignoredConsumers: z.array(z.string()).default([]),
        })
        .prefault({}),
    })
    .prefault({}),
});

export type Settings = z.output<typeof schema> & {
  /** The policies of file and environment, separately. */
  readonly policyLayers: readonly PolicyLayer[];
  /** The setting of the database's address, and the setting's source. Undefined: not set. */
  readonly databaseSetting: string | undefined;
};

/** Throws one ConfigError that names everything that is wrong. */
export function readSettings(env: Environment, file?: string): Settings {
  const { config, settings } = loadSettings<z.output<typeof schema>>(schema, { env, file });
  return {
    ...config,
    policyLayers: policyLayersOf(settings),
    databaseSetting: originOf(settings, ['database', 'url']),
  };
}

/** Returns the addresses of the brokers; a command that needs them cannot guess. */
export function requireBrokers({ kafka }: Settings): string[] {
  if (kafka.brokers.length > 0) return [...kafka.brokers];
  throw missing('KAFKA_BROKERS', 'host:port[,host:port…] of the Kafka cluster');
}

/** The URL, or undefined to let the driver read PG*. Guessing localhost would migrate the wrong database one day. */
export function requireDatabase({ database }: Settings, env: Environment): string | undefined {
  if (database.url !== undefined) return checkedUrl(database.url, 'DATABASE_URL');
  if (hasPgVariables(env)) return undefined;
  const form = 'postgres://user:password@host:5432/database, or PGHOST and PGDATABASE';
  throw missing('DATABASE_URL', `${form}${otherUrls(env)}`);
}

/** Returns whether a database is set, for commands that do not require one. */
export function hasDatabase({ database }: Settings, env: Environment): boolean {
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
