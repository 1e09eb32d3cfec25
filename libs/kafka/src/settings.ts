import { z } from 'zod';
import type { SaslOptions } from './wire/connection.ts';
import { tokenModuleProvider } from './wire/token.ts';
import type { KafkaOptions } from './wire/wire-broker.ts';

export const driverNames = ['kafkajs', 'platformatic'] as const;
/** The client whose connections are used. */
export type DriverName = (typeof driverNames)[number];

const address = z.string().regex(/^[^\s:]+:\d{1,5}$|^\[[^\]]+\]:\d{1,5}$/, 'expected host:port');

const text = z.string().min(1);

const tls = z
  .object({
    ca: text.optional().meta({
      description: 'The authorities of the brokers’ certificates.',
      range: 'PEM text, best from a file',
      fallback: 'those of the system (NODE_EXTRA_CA_CERTS adds one)',
    }),
    certificate: text.optional().meta({
      description: 'The client certificate, for brokers that require one; it needs `privateKey`.',
      range: 'PEM text, best from a file',
    }),
    privateKey: text.optional().meta({
      description: 'The private key of the client certificate.',
      range: 'PEM text, best from a file',
    }),
    passphrase: z.string().optional().describe('The passphrase of the private key.'),
  })
  .refine(({ certificate, privateKey }) => (certificate === undefined) === (privateKey === undefined), {
    error: 'certificate and privateKey belong together: give both or neither',
  });

const login = z.object({
  mechanism: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'])
    .describe(
      'The kind of login; `plain` sends the password itself, and `oauthbearer` the token, so they need TLS.',
    ),
  username: z.string().optional().describe('The user of the login, for every mechanism but `oauthbearer`.'),
  password: z
    .string()
    .optional()
    .describe('The password of the login, best from a file; for every mechanism but `oauthbearer`.'),
  tokenModule: text.optional().meta({
    description: 'A module that exports `token`, for `oauthbearer` (docs/guides/kafka-login.md).',
    range: 'path',
  }),
});
type GivenLogin = z.output<typeof login>;

const sasl = login.refine(isComplete, {
  error:
    'oauthbearer takes tokenModule and no password; every other mechanism takes username and password and no tokenModule',
});

/**
 * The settings of Kafka, the same for every process.
 * @example
 * ```ts
 * import { kafkaSettings } from 'convergekit/kafka';
 * import { loadConfig } from 'convergekit/process';
 * import { z } from 'zod';
 *
 * // CONVERGE__KAFKA__BROKERS, CONVERGE__KAFKA__TLS__CA_FILE, CONVERGE__KAFKA__SASL__PASSWORD, …
 * const { kafka } = loadConfig(z.object({ kafka: kafkaSettings }), { env: process.env });
 * console.log(kafka.brokers);
 * ```
 */
export const kafkaSettings = z.object({
  brokers: z.array(address).default([]).meta({
    description: 'The addresses of the brokers; a process that needs Kafka does not guess them.',
    range: 'host:port, separated by commas',
  }),
  driver: z.enum(driverNames).optional().meta({
    description: 'The client whose connections are used (docs/decisions/0006 has the figures).',
    fallback: 'kafkajs',
  }),
  ssl: z.boolean().optional().meta({
    description: 'Whether connections use TLS; any field of `kafka.tls` implies it.',
    fallback: 'false',
  }),
  tls: tls.optional(),
  sasl: sasl.optional(),
});

function isComplete({ mechanism, username, password, tokenModule }: GivenLogin): boolean {
  return mechanism === 'oauthbearer'
    ? tokenModule !== undefined && password === undefined
    : tokenModule === undefined && username !== undefined && password !== undefined;
}

function loginOf({ mechanism, username = '', password = '', tokenModule = '' }: GivenLogin): SaslOptions {
  return mechanism === 'oauthbearer'
    ? { mechanism, token: tokenModuleProvider(tokenModule) }
    : { mechanism, username, password };
}

export type KafkaSettings = z.output<typeof kafkaSettings>;

/**
 * Maps the settings to options of `kafkaBroker`.
 * @example
 * ```ts
 * import { kafkaBroker, kafkaOptions, kafkaSettings } from 'convergekit/kafka';
 *
 * const settings = kafkaSettings.parse({ brokers: ['kafka-1:9093'], ssl: true });
 * export const broker = kafkaBroker({ ...kafkaOptions(settings), clientId: 'payments' });
 * ```
 */
export function kafkaOptions({
  brokers,
  driver,
  ssl = false,
  tls,
  sasl,
}: KafkaSettings): Pick<KafkaOptions, 'brokers' | 'ssl' | 'sasl'> & { readonly driver?: DriverName } {
  const { ca, certificate: cert, privateKey: key, passphrase } = tls ?? {};
  const given = Object.entries({ ca, cert, key, passphrase }).filter(([, value]) => value !== undefined);
  return {
    brokers,
    ssl: given.length === 0 ? ssl : Object.fromEntries(given),
    ...(driver === undefined ? {} : { driver }),
    ...(sasl === undefined ? {} : { sasl: loginOf(sasl) }),
  };
}
