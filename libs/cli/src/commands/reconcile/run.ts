import { outboxMigrations } from '@convergekit/outbox';
import { reconcileMigrations, reconcilerService } from '@convergekit/reconcile';
import { type Logger, logger } from '@convergekit/telemetry';
import { command } from '../../frame/command.ts';
import { anyArguments, toggle } from '../../frame/flags.ts';
import { runLong } from '../../frame/long-running.ts';
import { requireMigrations } from '@convergekit/postgres/operate';
import type { Settings } from '../../frame/settings.ts';
import { dryRunOf } from './dry-run.ts';
import { onceResult, readLeft } from './once.ts';
import { type Databases, openDatabases, openScanned } from './open-databases.ts';
import { loadReconcilers } from './reconciler-modules.ts';
import { requestRuns } from './run-now.ts';
import { scanService } from '../../scans/scan-service.ts';
import type { Service } from '@convergekit/core';

/** Runs reconcilers on their schedules until stopped, or each once, or asks the running processes for a run. */
export const runCommand = command({
  name: 'run',
  summary: 'run reconcilers on their schedules, until stopped',
  args: {
    modules: anyArguments(
      'files, folders or packages that export reconcilers (default: those of CONVERGE__RECONCILE__MODULES); with --now names of reconcilers',
    ),
  },
  flags: {
    once: toggle('run each once and end: exits with 1 if a key needs an operator', { conflicts: ['now'] }),
    dryRun: toggle('print what differs, change nothing and end', { conflicts: ['once', 'now'] }),
    now: toggle('ask the processes that run these reconcilers for one run of each, and end'),
  },
  run: async (context, { modules, once, dryRun, now }) => {
    if (now) return requestRuns(context, modules);
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
      const { workers, leaseMs, keepRuns, auditMs } = settings.reconcile;
      const service = reconcilerService(reconcilers, {
        databases,
        log,
        workers,
        leaseMs,
        keepRuns,
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
function scans({ reconcile }: Settings, scanned: Databases, log: Logger): readonly Service[] {
  const named = Object.entries(scanned).map(([name, { executor }]) => ({ name, executor }));
  return named.length === 0 ? [] : [scanService({ ...reconcile.scans, databases: named, log })];
}
