import { connect, type Database } from '@convergekit/postgres';
import type { Reconciler } from '@convergekit/reconcile';
import { logger } from '@convergekit/telemetry';
import { checkedUrl, type Settings } from '../../frame/settings.ts';

/** The databases of the process by their names in the settings. */
export type Databases = Readonly<Record<string, Database<never>>>;

/** Opens a pool with a statement timeout for each database that a reconciler names; services have their own connections. */
export function openDatabases(settings: Settings, reconcilers: readonly Reconciler[]): Databases {
  const { databases } = settings.reconcile;
  const named = new Set(reconcilers.flatMap(({ desired, actual }) => [desired.in, actual.in]));
  return openPools(
    settings.reconcile,
    Object.entries(databases).filter(([name]) => named.has(name)),
  );
}

/** The connections of the scans to each database: one statement at a time, and one for a lease. */
const SCAN_CONNECTIONS = 2;

/** Opens a small pool for each database of the settings, for the scans; none where they are off. */
export function openScanned({ reconcile }: Settings): Databases {
  const settings = { ...reconcile, connections: SCAN_CONNECTIONS };
  return reconcile.scans.on ? openPools(settings, Object.entries(reconcile.databases)) : {};
}

function openPools(
  { connections, statementMs }: Pick<Settings['reconcile'], 'connections' | 'statementMs'>,
  named: readonly (readonly [string, string])[],
): Databases {
  const log = logger('postgres');
  return Object.fromEntries(
    named.map(([name, url]) => {
      const setting = `CONVERGE__RECONCILE__DATABASES__${name.toUpperCase()}`;
      const database = connect<never>({
        url: checkedUrl(url, setting),
        setting,
        applicationName: 'converge-reconciler',
        max: connections,
        statementTimeoutMs: statementMs,
        onIdleError: (error) => log.warn({ err: error }, 'a connection to Postgres dropped'),
      });
      return [name, database];
    }),
  );
}
