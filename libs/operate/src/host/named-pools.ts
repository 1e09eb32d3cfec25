import { connect, type Database } from '@convergekit/postgres';
import { logger } from '@convergekit/telemetry';
import { addressesOf, type Settings } from './settings.ts';

export interface PoolOptions {
  readonly applicationName: string;
  readonly connections: number;
  /** The time after which a statement is ended, so that it does not slow the services. */
  readonly statementMs: number;
  /** @default all databases of the settings */
  readonly names?: readonly string[];
}

/** Opens a small pool for each of the databases. They connect at first use. */
export function openPools<DB = unknown>(
  settings: Pick<Settings, 'databases'>,
  { applicationName, connections, statementMs, names }: PoolOptions,
): Readonly<Record<string, Database<DB>>> {
  const log = logger('postgres');
  const pools = addressesOf(settings, names).map(({ name, url, setting }) => {
    const onIdleError = (err: Error): void =>
      log.warn({ err, database: name }, 'a connection to Postgres dropped');
    const limits = { max: connections, statementTimeoutMs: statementMs };
    return [name, connect<DB>({ url, setting, applicationName, ...limits, onIdleError })] as const;
  });
  return Object.fromEntries(pools);
}
