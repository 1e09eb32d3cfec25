import { driverNames } from '@converge/kafka';
import { type Environment, loadConfig } from '@converge/runtime';
import { z } from 'zod';

const port = z.int().min(0).max(65_535);

const schema = z.object({
  database: z.object({
    /** `postgres://user:password@host:port/database`: DATABASE_URL. */
    url: z.string().min(1),
  }),
  kafka: z
    .object({
      /** `host:port`, separated by commas: KAFKA_BROKERS. */
      brokers: z.array(z.string()).default([]),
      /** CONVERGE__KAFKA__DRIVER. @default the kit's */
      driver: z.enum(driverNames).optional(),
    })
    .prefault({}),
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
  provider: z
    .object({
      /** Where the payment provider answers: CONVERGE__PROVIDER__URL. @default http://127.0.0.1:8090 */
      url: z.url().default('http://127.0.0.1:8090'),
    })
    .prefault({}),
});

export type Settings = z.output<typeof schema>;

/** From the environment; everything wrong is named at once. */
export function readSettings(env: Environment): Settings {
  return loadConfig<Settings>(schema, { env });
}
