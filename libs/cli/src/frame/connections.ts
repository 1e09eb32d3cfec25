import type { Admin, Broker } from '@convergekit/broker';
import { kafkaBroker, kafkaOptions } from '@convergekit/kafka';
import { connect, type Database } from '@convergekit/postgres';
import { systemClock } from '@convergekit/core';
import { logger } from '@convergekit/telemetry';
import { requireBrokers, requireDatabase, type Settings } from './settings.ts';

/** Opens the database of the settings and asks it for an answer, so that a wrong setting fails here and clearly. */
export async function openDatabase(settings: Settings, applicationName: string): Promise<Database> {
  const url = requireDatabase(settings, process.env);
  return openAt(url, applicationName, { setting: settings.databaseSetting });
}

export interface OpenOptions {
  readonly connectTimeoutMs?: number;
  /** What errors name as the setting to change. */
  readonly setting?: string | undefined;
}

/** The same for a URL; undefined lets the driver read PG*. */
export async function openAt(
  url: string | undefined,
  applicationName: string,
  { connectTimeoutMs, setting }: OpenOptions = {},
): Promise<Database> {
  const log = logger('postgres');
  const database = connect({
    ...(url === undefined ? {} : { url }),
    applicationName,
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(setting === undefined ? {} : { setting }),
    onIdleError: (error) => log.warn({ err: error }, 'a connection to Postgres dropped'),
  });
  try {
    await database.ping();
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

export async function withDatabase<T>(
  settings: Settings,
  applicationName: string,
  fn: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await openDatabase(settings, applicationName);
  try {
    return await fn(database);
  } finally {
    await closed(database);
  }
}

const CLOSE_MS = 1_000;

// A statement that hangs keeps its connection, and the pool would wait for it. Whoever is at the command line asked for
// an end, and the process takes the connection along.
async function closed(database: Database): Promise<void> {
  const patience = new AbortController();
  await Promise.race([database.close(), systemClock.sleep(CLOSE_MS, patience.signal)]);
  patience.abort();
}

export interface BrokerUse {
  readonly clientId: string;
  /** @default the driver's */
  readonly requestTimeoutMs?: number;
}

/** Nothing is connected before the first use. */
export function openBroker(settings: Settings, use: BrokerUse): Broker {
  const brokers = requireBrokers(settings);
  const log = logger('kafka');
  return kafkaBroker({
    ...use,
    ...kafkaOptions({ ...settings.kafka, brokers }),
    log: (level, message, details) => log[level](details, message),
  });
}

export async function withAdmin<T>(settings: Settings, fn: (admin: Admin) => Promise<T>): Promise<T> {
  const broker = openBroker(settings, { clientId: 'converge-cli' });
  try {
    const admin = await broker.admin();
    return await fn(admin);
  } finally {
    await broker.close();
  }
}
