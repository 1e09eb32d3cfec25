import { kafkaSettings } from '@convergekit/kafka';
import { type PolicyLayer, policyLayersOf, policyRulesSchema } from '@convergekit/resilience';
import { type Environment, loadSettings, originOf } from '@convergekit/config';
import { z } from 'zod';

const port = z.int().min(0).max(65_535);

/** The settings of every service; a service extends them with its own. */
export const serviceSettings = z.object({
  database: z.object({
    /** The URL `postgres://user:password@host:port/database` (DATABASE_URL). */
    url: z.string().min(1),
  }),
  kafka: kafkaSettings.prefault({}),
  health: z
    .object({
      /** 0 takes any free port. @default 0 */
      port: port.default(0),
    })
    .prefault({}),
  http: z
    .object({
      /** CONVERGE__HTTP__PORT; 0 takes any free port. @default 0 */
      port: port.default(0),
      /** CONVERGE__HTTP__HOST: 0.0.0.0 inside a container. @default 127.0.0.1 */
      host: z.string().min(1).default('127.0.0.1'),
    })
    .prefault({}),
  /** Policies above the code's and below the central table: `CONVERGE__POLICIES__CONSUMER__ATTEMPTS=2`. */
  policies: policyRulesSchema.prefault({}),
});

export type ServiceSettings = z.output<typeof serviceSettings>;

/** Sources of settings. */
export interface Origins {
  /** The policies from the environment. */
  readonly policyLayers: readonly PolicyLayer[];
  /** The name of the setting with the database's URL. */
  readonly databaseSetting: string;
}

/** Reads settings from the environment; reports all errors at once. */
export function readSettings<T extends ServiceSettings>(schema: z.ZodType<T>, env: Environment): T & Origins {
  const { config, settings } = loadSettings<T>(schema, { env });
  const databaseSetting = originOf(settings, ['database', 'url']) ?? 'DATABASE_URL';
  return { ...config, policyLayers: policyLayersOf(settings), databaseSetting };
}
