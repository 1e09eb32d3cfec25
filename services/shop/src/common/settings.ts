import { ConvergeError } from '@converge/resilience';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);

const schema = z.object({
  DATABASE_URL: z.string({ error: 'is not set: give postgres://user:password@host:5432/database' }).min(1),
  /** `host:port`, separated by commas. */
  KAFKA_BROKERS: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((one) => one !== '')),
  HTTP_PORT: port.default(0),
  /** 0 takes any free port. */
  CONVERGE__HEALTH__PORT: port.default(0),
  PROVIDER_URL: z.url().default('http://127.0.0.1:8090'),
});

export interface Settings {
  readonly databaseUrl: string;
  readonly brokers: string[];
  readonly httpPort: number;
  readonly healthPort: number;
  readonly providerUrl: string;
}

/** Everything wrong at once, each with its variable's name. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const parsed = schema.safeParse(env);
  if (!parsed.success)
    throw new ConvergeError(
      parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '),
      { code: 'CONFIG_INVALID', category: 'configuration', certainty: 'not_applied' },
    );
  const { DATABASE_URL, KAFKA_BROKERS, HTTP_PORT, CONVERGE__HEALTH__PORT, PROVIDER_URL } = parsed.data;
  return {
    databaseUrl: DATABASE_URL,
    brokers: KAFKA_BROKERS,
    httpPort: HTTP_PORT,
    healthPort: CONVERGE__HEALTH__PORT,
    providerUrl: PROVIDER_URL,
  };
}
