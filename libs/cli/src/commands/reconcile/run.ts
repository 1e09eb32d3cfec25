import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database } from '@convergekit/postgres';
import { reconcileMigrations, reconcilerService, type Reconciler } from '@convergekit/reconcile';
import { logger } from '@convergekit/telemetry';
import { command } from '../../frame/command.ts';
import { toggle } from '../../frame/flags.ts';
import { runLong } from '../../frame/long-running.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import type { Settings } from '../../frame/settings.ts';
import { dryRunOf } from './dry-run.ts';
import { onceResult, readLeft } from './once.ts';
import { loadReconcilers, modulesArgument } from './reconciler-modules.ts';

// The statement timeout in milliseconds: a slower statement hurts the services whose database it reads.
const STATEMENT_MS = 60_000;

/** Runs reconcilers on their schedules until stopped, or each once. */
export const runCommand = command({
  name: 'run',
  summary: 'run reconcilers on their schedules, until stopped',
  args: modulesArgument,
  flags: {
    once: toggle('run each once and end: exits with 1 if a key needs an operator'),
    dryRun: toggle('print what differs, change nothing and end', { conflicts: ['once'] }),
  },
  run: async (context, { modules, once, dryRun }) => {
    const { settings } = context;
    const reconcilers = await loadReconcilers(settings, modules);
    if (dryRun) return dryRunOf(context, reconcilers);
    const log = logger('reconcile');
    const databases = openDatabases(settings, reconcilers);
    try {
      for (const database of Object.values(databases)) await database.ping();
      for (const name of new Set(reconcilers.map(({ actual }) => actual.in))) {
        const database = databases[name];
        if (database !== undefined)
          await requireMigrations(database.executor, [outboxMigrations, reconcileMigrations]);
      }
      const service = reconcilerService(reconcilers, { databases, log, auditMs: settings.reconcile.auditMs });
      if (once) {
        const counts = await service.runOnce();
        return onceResult(counts, await readLeft(reconcilers, databases));
      }
      log.info({ reconcilers: reconcilers.map(({ name }) => name) }, 'starting');
      await runLong({ name: 'reconciler', settings, log, services: () => [service], checks: () => ({}) });
      return undefined;
    } finally {
      await Promise.all(Object.values(databases).map((database) => database.close()));
    }
  },
});

/** Opens a pool for each database that a reconciler names; services have their own connections. */
function openDatabases(
  { reconcile }: Settings,
  reconcilers: readonly Reconciler[],
): Readonly<Record<string, Database<never>>> {
  const named = new Set(reconcilers.flatMap(({ desired, actual }) => [desired.in, actual.in]));
  const log = logger('postgres');
  const open = (url: string): Database<never> =>
    connect<never>({
      url,
      applicationName: 'converge-reconciler',
      statementTimeoutMs: STATEMENT_MS,
      onIdleError: (error) => log.warn({ err: error }, 'a connection to Postgres dropped'),
    });
  const known = Object.entries(reconcile.databases).filter(([name]) => named.has(name));
  return Object.fromEntries(known.map(([name, url]) => [name, open(url)]));
}
