import { z } from 'zod';
import type { KafkaOptions } from './wire/wire-broker.ts';

export const driverNames = ['kafkajs', 'platformatic'] as const;
/** The client whose connections are used. */
export type DriverName = (typeof driverNames)[number];

const address = z.string().regex(/^[^\s:]+:\d{1,5}$|^\[[^\]]+\]:\d{1,5}$/, 'expected host:port');

/** The settings of Kafka, the same for every process. */
export const kafkaSettings = z.object({
  /** The addresses of the brokers (KAFKA_BROKERS). @default none */
  brokers: z.array(address).default([]),
  /** The client whose connections are used. @default kafkajs: docs/decisions/0006 has the figures */
  driver: z.enum(driverNames).optional(),
  /** TLS; implied by any field of `tls`. @default false */
  ssl: z.boolean().optional(),
  /** PEM texts, each best from a file: CONVERGE__KAFKA__TLS__CA_FILE, …__CERTIFICATE_FILE, …__PRIVATE_KEY_FILE. */
  tls: z
    .object({
      /** The authorities of the brokers' certificates. @default the system's (NODE_EXTRA_CA_CERTS adds one) */
      ca: z.string().min(1).optional(),
      /** The client certificate, for brokers that require one; it needs `privateKey`. @default none */
      certificate: z.string().min(1).optional(),
      privateKey: z.string().min(1).optional(),
      /** The passphrase of the private key. @default none */
      passphrase: z.string().optional(),
    })
    .refine(({ certificate, privateKey }) => (certificate === undefined) === (privateKey === undefined), {
      error: 'certificate and privateKey belong together: give both or neither',
    })
    .optional(),
  /** A login; `plain` sends the password itself, so it needs TLS. @default no login */
  sasl: z
    .object({
      mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
      username: z.string(),
      password: z.string(),
    })
    .optional(),
});

export type KafkaSettings = z.output<typeof kafkaSettings>;

/** Maps the settings to options of `kafkaBroker`. */
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
    ...(sasl === undefined ? {} : { sasl }),
  };
}
