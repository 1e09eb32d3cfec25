import { type Environment, loadSettings, originOf } from '@convergekit/config';
import { healthSettings } from '@convergekit/config/engine';
import { ConvergeError } from '@convergekit/core';
import { brokerSettings } from '@convergekit/local/choose';
import { relayProcessSettings } from '@convergekit/relay/settings';
import { type PolicyLayer, policyLayersOf, policySettingsSchema } from '@convergekit/resilience';
import { z } from 'zod';
import type { Arguments } from './arguments.ts';

const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'expected postgres://user:password@host:5432/database')
  .meta({ range: 'postgres://user:password@host:port/database' });

const database = z.object({
  url: databaseUrl.optional().meta({
    description: 'The database of the service, or the one that a command works on.',
    fallback: 'the PG* variables',
  }),
  connections: z.int().min(2).default(10).meta({
    description:
      'The most connections of the service’s own parts, and as many again of its consumers and workers. Its relay, and its reconcilers in each database, have 10 more each.',
    unit: 'connections',
  }),
  maxWaiting: z.int().min(1).default(1_000).meta({
    description:
      'The most requests that wait for a connection of the service’s own parts; further ones are refused at once (DATABASE_POOL_EXHAUSTED).',
    unit: 'requests',
  }),
});

const http = z.object({
  port: z.int().min(0).max(65_535).default(3_000).meta({
    description:
      'The port of the HTTP API of a service that has one; 0 takes any free port, which the log names.',
    unit: 'none',
  }),
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('The address that the HTTP API listens on; 0.0.0.0 inside a container.'),
  maxBodyBytes: z.int().min(1).default(1_048_576).meta({
    description: 'The largest body of a request to the HTTP API; a larger one is answered 413.',
    unit: 'bytes',
  }),
});

/** The settings that every service reads, besides its own. */
export const serviceSettings = z.object({
  database: database.prefault({}),
  databases: z
    .record(z.string(), databaseUrl)
    .default({})
    .describe(
      'A database by the name that reconcilers and the pages of the console use; in a service, besides its own.',
    ),
  ...brokerSettings,
  health: healthSettings.prefault({}),
  http: http.prefault({}),
  stop: z
    .object({
      deadlineMs: z
        .int()
        .min(1_000)
        .default(25_000)
        .describe('The time in which a stop ends the work in flight; choose less than the supervisor’s.'),
    })
    .prefault({}),
  ...relayProcessSettings,
  policies: policySettingsSchema.prefault({}),
});

/** The settings of every service. */
export type ServiceSettings = z.output<typeof serviceSettings>;

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

/** Refuses an own setting with the name of one of the kit, which it would replace. Throws SERVICE_INVALID. */
export function checkNames(name: string, { settings = {} }: { readonly settings?: object }): void {
  const taken = Object.keys(settings).find((own) => own in serviceSettings.shape);
  if (taken === undefined) return;
  throw new ConvergeError(
    `service ${name} cannot start: its own setting ${taken} has the name of one of the kit; give it another name`,
    { code: 'SERVICE_INVALID', category: 'configuration', certainty: 'not_applied' },
  );
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
  return serviceSettings.extend({
    ...(named ? {} : { database: database.extend({ url: databaseUrl }) }),
    ...own,
  });
}
