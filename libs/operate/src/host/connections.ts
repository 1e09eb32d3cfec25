import type { Broker } from '@convergekit/broker';
import { chosenBroker, openBroker as openChosen } from '@convergekit/local/choose';
import { connect, type Database } from '@convergekit/postgres';
import { logger } from '@convergekit/telemetry';
import { requireBroker, requireDatabase, type Settings } from './settings.ts';

export interface OpenOptions {
  readonly connectTimeoutMs?: number;
  /** The setting that errors name as the one to change. */
  readonly setting?: string | undefined;
  /** @default no timeout */
  readonly statementTimeoutMs?: number;
}

/** Opens a database and pings it, so that a wrong setting fails here. The driver reads PG* when there is no URL. */
export async function openAt(
  url: string | undefined,
  applicationName: string,
  { connectTimeoutMs, setting, statementTimeoutMs = 0 }: OpenOptions = {},
): Promise<Database> {
  const log = logger('postgres');
  const database = connect({
    ...(url === undefined ? {} : { url }),
    applicationName,
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(setting === undefined ? {} : { setting }),
    statementTimeoutMs,
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

/** Opens the broker of the settings. It connects on first use. */
export function openBroker(settings: Settings, clientId: string): Broker {
  requireBroker(settings);
  const chosen = chosenBroker(settings);
  const isOwn = chosen === 'local' && settings.local.url === undefined;
  const log = logger(chosen ?? 'broker');
  return openChosen(settings, {
    clientId,
    databaseUrl: isOwn ? requireDatabase(settings) : undefined,
    log: (level, message, details) => log[level](details, message),
  });
}
