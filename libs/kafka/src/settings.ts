import { z } from 'zod';
import type { KafkaOptions } from './wire/wire-broker.ts';

export const driverNames = ['kafkajs', 'platformatic'] as const;
/** The client whose connections are used. */
export type DriverName = (typeof driverNames)[number];

const address = z.string().regex(/^[^\s:]+:\d{1,5}$|^\[[^\]]+\]:\d{1,5}$/, 'expected host:port');

/** Where Kafka is and how to reach it, for the settings of any process: one schema, so that none of them has less. */
export const kafkaSettings = z.object({
  /** KAFKA_BROKERS. @default none */
  brokers: z.array(address).default([]),
  /** Whose connections to Kafka are used. @default the one that docs/decisions names: it was the fastest */
  driver: z.enum(driverNames).optional(),
  /** TLS; true by itself when `tls` says anything. @default false */
  ssl: z.boolean().optional(),
  /** PEM texts, each best from a file: CONVERGE__KAFKA__TLS__CA_FILE, …__CERTIFICATE_FILE, …__PRIVATE_KEY_FILE. */
  tls: z
    .object({
      /** The authorities that vouch for the brokers. @default the system's (NODE_EXTRA_CA_CERTS adds one) */
      ca: z.string().min(1).optional(),
      /** This client's certificate, for brokers that ask for one; it needs `privateKey`. @default none */
      certificate: z.string().min(1).optional(),
      privateKey: z.string().min(1).optional(),
      /** What the private key is encrypted with. @default none */
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

/** The options of `kafkaBroker` that settings decide. */
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
