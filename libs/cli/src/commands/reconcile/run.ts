import { outboxMigrations } from '@convergekit/outbox';
import {
  reconcileMigrations,
  type Reconciler,
  reconcilerService,
  type RunCounts,
} from '@convergekit/reconcile';
import { type Logger, logger } from '@convergekit/telemetry';
import { requireMigrations } from '@convergekit/postgres/operate';
import type { Service } from '@convergekit/core';
import { readWaiting, type WaitingKey } from '@convergekit/reconcile/operate';
import { type Database, executorOf } from '@convergekit/postgres';
import { runNow } from '@convergekit/operate/reconcile';
import { perform } from '../../frame/act-command.ts';
import { command } from '../../frame/command.ts';
import { anyArguments, toggle } from '../../frame/flags.ts';
import { openPools, runLong, type Settings } from '@convergekit/operate/host';
import { dryRunOf, waitingText } from './diff.ts';
import { loadReconcilers } from '@convergekit/operate/declared';
import { scanService } from '@convergekit/operate';
import { type Result, result, tableOf } from '../../frame/result.ts';
import { outcomesText } from './status-text.ts';

/** Runs reconcilers on their schedules until stopped, or each once, or asks the running processes for a run. */
export const runCommand = command({
  name: 'run',
  summary: 'run reconcilers on their schedules, until stopped',
  args: {
    modules: anyArguments(
      'files, folders or packages that export reconcilers (default: those of CONVERGE__MODULES); with --now names of reconcilers',
    ),
  },
  flags: {
    once: toggle('run each once and end: exits with 1 if a key needs an operator', { conflicts: ['now'] }),
    dryRun: toggle('print what differs, change nothing and end', { conflicts: ['once', 'now'] }),
    now: toggle('ask the processes that run these reconcilers for one run of each, and end'),
  },
  run: async (context, { modules, once, dryRun, now }) => {
    if (now) return perform(context, runNow, { names: modules, all: false });
    const { settings } = context;
    const reconcilers = await loadReconcilers(settings, modules);
    if (dryRun) return dryRunOf(context, reconcilers);
    const log = logger('reconcile');
    const databases = openDatabases(settings, reconcilers);
    const scanned = once ? {} : openScanned(settings);
    try {
      for (const database of Object.values(databases)) await database.ping();
      for (const name of new Set(reconcilers.map(({ actual }) => actual.in))) {
        const database = databases[name];
        if (database !== undefined)
          await requireMigrations(database.executor, [outboxMigrations, reconcileMigrations]);
      }
      const { workers, leaseMs, auditMs } = settings.reconcile;
      const service = reconcilerService(reconcilers, {
        databases,
        log,
        workers,
        leaseMs,
        auditMs,
      });
      if (once) {
        const counts = await service.runOnce();
        return onceResult(counts, await readLeft(reconcilers, databases));
      }
      log.info({ reconcilers: reconcilers.map(({ name }) => name) }, 'starting');
      await runLong({
        name: 'reconciler',
        settings,
        signal: context.signal,
        log,
        services: () => [service, ...scans(settings, scanned, log)],
        checks: () => service.checks(),
      });
      return undefined;
    } finally {
      const opened = [...Object.values(databases), ...Object.values(scanned)];
      await Promise.all(opened.map((database) => database.close()));
    }
  },
});

/** The scans that are always on, unless the settings turn them off. */
function scans({ reconcile }: Settings, scanned: NamedPools, log: Logger): readonly Service[] {
  const named = Object.entries(scanned).map(([name, { executor }]) => ({ name, executor }));
  const { everyMs, ...bounds } = reconcile.scans;
  if (named.length === 0 || everyMs === 'off') return [];
  return [scanService({ ...bounds, everyMs, databases: named, log })];
}

/** Keys of each reconciler that are listed with their reason. */
const SHOWN = 20;

/** Reads the keys that a single run left waiting, by reconciler. */
async function readLeft(
  reconcilers: readonly Reconciler[],
  databases: Readonly<Record<string, Pick<Database<never>, 'db'>>>,
): Promise<ReadonlyMap<string, readonly WaitingKey[]>> {
  const left = new Map<string, readonly WaitingKey[]>();
  for (const { name, actual } of reconcilers) {
    const database = databases[actual.in];
    if (database !== undefined)
      left.set(name, await readWaiting(executorOf(database.db), name, { limit: SHOWN }));
  }
  return left;
}

/** Outcomes that make the command exit with 1: an operator must look. */
const BAD = ['failed', 'refused', 'unknown', 'unresolvable', 'flapping', 'held'] as const;

/** Counts of a single run, and why keys are left, with the time of their next look. */
function onceResult(
  counts: ReadonlyMap<string, RunCounts>,
  left: ReadonlyMap<string, readonly WaitingKey[]>,
): Result {
  const value = Object.fromEntries(
    [...counts].map(([name, one]) => [name, { ...one, waiting: left.get(name) ?? [] }]),
  );
  const lines = () => [
    ...tableOf([...counts], 'no reconcilers', {
      name: ([name]) => name,
      keys: ([, { keys }]) => keys,
      unknown: ([, { unknown }]) => unknown,
      outcomes: ([, { outcomes }]) => outcomesText(outcomes),
    }),
    ...[...left].flatMap(([name, keys]) => keys.map((key) => `${name} ${key.key}: ${waitingText(key)}`)),
  ];
  const ok = [...counts.values()].every(
    ({ outcomes, unknown }) => unknown === 0 && BAD.every((kind) => (outcomes[kind] ?? 0) === 0),
  );
  return result(value, lines, ok);
}

/** Databases by their names in the settings. */
type NamedPools = Readonly<Record<string, Database<never>>>;

const applicationName = 'converge-reconciler';

/** Opens the databases that the reconcilers name; services have their own connections. */
function openDatabases(settings: Settings, reconcilers: readonly Reconciler[]): NamedPools {
  const names = [...new Set(reconcilers.flatMap(({ desired, actual }) => [desired.in, actual.in]))];
  const { workers, statementMs } = settings.reconcile;
  // A key that is compared reads both sides; the leader and the watch have one each.
  return openPools(settings, { applicationName, connections: 2 * workers + 2, statementMs, names });
}

/** The connections of the scans to each database: one statement at a time, and one for a lease. */
const SCAN_CONNECTIONS = 2;

/** Opens all databases of the settings, for the scans; none where they are off. */
function openScanned(settings: Settings): NamedPools {
  const { scans: bounds, statementMs } = settings.reconcile;
  if (bounds.everyMs === 'off') return {};
  return openPools(settings, { applicationName, connections: SCAN_CONNECTIONS, statementMs });
}
