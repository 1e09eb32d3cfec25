import type { Broker } from '@convergekit/broker';
import { databaseVariable, namedIn } from '@convergekit/config/engine';
import { connect, type ConnectOptions, type Database } from '@convergekit/postgres';
import { logger } from '@convergekit/telemetry';
import { openBroker } from '../broker.ts';
import type { OwnSettings, Read } from './settings.ts';

/** The connections of a process. They connect at their first use. */
export interface Connections<DB> {
  readonly database: Database<DB>;
  /**
   * Pools besides the service's own, so that its work and theirs do not wait for each other. `workDatabase` is for
   * consumers and workers: requests that queue for connections, as after an outage, do not delay them.
   */
  workDatabase(): Database<DB>;
  relayDatabase(): Database<DB>;
  relayBroker(): Broker;
  broker(): Broker;
  /** The most connections that the pools opened so far can take together. */
  most(): number;
  /** The databases that reconcilers name, by name: those of the settings, and the service's own. */
  reconciled(names: readonly string[]): Readonly<Record<string, Database<never>>>;
}

// A reconciler's statement that takes longer is ended, so that it does not slow the services.
const RECONCILED_STATEMENT_MS = 60_000;

/** Opens the connections of a service, and hands out how to close each. */
export function openConnections<DB>(
  service: string,
  { settings, databaseSetting }: Pick<Read<OwnSettings>, 'settings' | 'databaseSetting'>,
  onOpened: (close: () => Promise<void>) => void,
): Connections<DB> {
  const clientId = service.replaceAll('.', '-');
  const log = logger('postgres');
  const kept = <O extends { close(): Promise<void> }>(opened: O): O => {
    onOpened(() => opened.close());
    return opened;
  };
  let most = 0;
  const onIdleError = (error: Error): void => log.warn({ err: error }, 'a connection to Postgres dropped');
  const open = <T>(role: string, options: ConnectOptions): Database<T> => {
    const opened = connect<T>({ applicationName: `${clientId}${role}`, onIdleError, ...options });
    most += opened.pool.options.max;
    return kept(opened);
  };
  const { url, connections: max, maxWaiting } = settings.database;
  const own = { ...(url === undefined ? {} : { url }), setting: databaseSetting };
  const named = (name: string): ConnectOptions | undefined => {
    const address = namedIn(settings.databases, name);
    if (address !== undefined) return { url: address, setting: databaseVariable(name) };
    return name === service ? own : undefined;
  };
  return {
    most: () => most,
    database: open<DB>('', { ...own, max, maxWaiting }),
    workDatabase: () => open<DB>('-work', { ...own, max }),
    relayDatabase: () => open<DB>('-relay', own),
    relayBroker: () => kept(openBroker(settings, `${clientId}-relay`, { databaseUrl: url })),
    broker: () => kept(openBroker(settings, clientId, { databaseUrl: url })),
    reconciled: (names) =>
      Object.fromEntries(
        [...new Set(names)].flatMap((name) => {
          const options = named(name);
          const statementTimeoutMs = RECONCILED_STATEMENT_MS;
          return options === undefined
            ? []
            : [[name, open<never>('-reconciler', { ...options, statementTimeoutMs })] as const];
        }),
      ),
  };
}
