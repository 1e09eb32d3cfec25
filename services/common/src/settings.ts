import { kafkaSettings } from '@convergekit/kafka';
import { type PolicyLayer, policyLayersOf, policyRulesSchema } from '@convergekit/resilience';
import { type Environment, loadSettings, originOf } from '@convergekit/config';
import { z } from 'zod';

const port = z.int().min(0).max(65_535);

/** What each service needs; one that needs more extends it. */
export const serviceSettings = z.object({
  database: z.object({
    /** `postgres://user:password@host:port/database`: DATABASE_URL. */
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
  /** Over the code's, below the central table: `CONVERGE__POLICIES__CONSUMER__ATTEMPTS=2`. */
  policies: policyRulesSchema.prefault({}),
});

export type ServiceSettings = z.output<typeof serviceSettings>;

/** What the settings' origins say. */
export interface Origins {
  /** What the environment says about policies. */
  readonly policyLayers: readonly PolicyLayer[];
  /** Which setting says where the database is. */
  readonly databaseSetting: string;
}

/** From the environment; everything wrong is named at once. */
export function readSettings<T extends ServiceSettings>(schema: z.ZodType<T>, env: Environment): T & Origins {
  const { config, settings } = loadSettings<T>(schema, { env });
  const databaseSetting = originOf(settings, ['database', 'url']) ?? 'DATABASE_URL';
  return { ...config, policyLayers: policyLayersOf(settings), databaseSetting };
}
