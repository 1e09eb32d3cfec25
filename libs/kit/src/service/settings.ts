import { type Environment, loadSettings, originOf } from '@convergekit/config';
import { kafkaSettings } from '@convergekit/kafka';
import { outboxSettings, relaySettings } from '@convergekit/relay/settings';
import { type PolicyLayer, policyLayersOf, policyRulesSchema } from '@convergekit/resilience';
import { z } from 'zod';
import type { Arguments } from './arguments.ts';

const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'expected postgres://user:password@host:5432/database');

const database = z.object({
  /** `postgres://user:password@host:port/database` (DATABASE_URL). @default the standard PG* variables */
  url: databaseUrl.optional(),
  /** Connections of the service at most; its relay and its reconcilers have their own. @default 10 */
  connections: z.int().min(2).default(10),
});

const base = z.object({
  database: database.prefault({}),
  kafka: kafkaSettings.prefault({}),
  health: z
    .object({
      /** 0 takes any free port, which the log names. @default 0 */
      port: z.int().min(0).max(65_535).default(0),
      /** @default 127.0.0.1 for any free port (it is known only on this machine), else 0.0.0.0 */
      host: z.string().min(1).optional(),
    })
    .prefault({}),
  stop: z
    .object({
      /** The time in which a stop ends the work in flight, less than the supervisor's, in milliseconds. @default 25_000 */
      deadlineMs: z.int().min(1_000).default(25_000),
    })
    .prefault({}),
  outbox: outboxSettings.prefault({}),
  relay: relaySettings.prefault({}),
  reconcile: z
    .object({
      /** The databases that reconcilers name, besides the service's own: `CONVERGE__RECONCILE__DATABASES__ORDERS=postgres://…`. */
      databases: z.record(z.string(), databaseUrl).default({}),
    })
    .prefault({}),
  /** Policies above the code's and below the central table: `CONVERGE__POLICIES__CONSUMER__ATTEMPTS=2`. */
  policies: policyRulesSchema.prefault({}),
});

/** The settings of every service. */
export type ServiceSettings = z.output<typeof base>;

/** Additional settings of a service: one schema for each name. */
export type OwnSettings = Readonly<Record<string, z.ZodType>>;

/** The settings of a service with its own. */
export type SettingsWith<Own extends OwnSettings> = ServiceSettings & {
  readonly [Name in keyof Own]: z.output<Own[Name]>;
};

/** Settings with their origins. */
export interface Read<Own extends OwnSettings> {
  readonly settings: SettingsWith<Own>;
  /** The policies of file and environment. */
  readonly policyLayers: readonly PolicyLayer[];
  /** The name of the setting with the address of the database. */
  readonly databaseSetting: string;
}

/** Reads the settings: defaults < YAML file < environment < flags. Throws one ConfigError that lists every issue. */
export function readSettings<Own extends OwnSettings>(
  own: Own,
  { file, flags }: Arguments,
  env: Environment,
): Read<Own> {
  const { config, settings } = loadSettings(schemaOf(own, env), { env, file, flags });
  return {
    // The schema has exactly these fields; the compiler cannot see through a generic `extend`.
    settings: config as SettingsWith<Own>,
    policyLayers: policyLayersOf(settings),
    databaseSetting: originOf(settings, ['database', 'url']) ?? 'PGHOST and PGDATABASE',
  };
}

/** Returns the schema. Without PG* variables the URL is required: a guessed localhost may be another database. */
function schemaOf(own: OwnSettings, env: Environment): z.ZodType {
  const named = ['PGHOST', 'PGDATABASE', 'PGSERVICE'].some((name) => (env[name] ?? '') !== '');
  return base.extend({ ...(named ? {} : { database: database.extend({ url: databaseUrl }) }), ...own });
}
