import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database } from '@convergekit/postgres';
import {
  nextRun,
  reconcileMigrations,
  reconcilerService,
  type Reconciler,
  type RunCounts,
} from '@convergekit/reconcile';
import { logger } from '@convergekit/telemetry';
import type { CommandContext } from '../../frame/context.ts';
import { runLong } from '../../frame/long-running.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { table } from '../../frame/output.ts';
import { loadReconcilers } from './reconciler-modules.ts';
import type { Settings } from '../../frame/settings.ts';

export interface ReconcileFlags {
  readonly once?: boolean;
}

// A reconciler is never urgent: a statement that takes this long hurts the services whose database it reads.
const STATEMENT_MS = 60_000;

/** Runs reconcilers on their schedules until stopped, or each once. */
export async function runReconcilers(
  { settings, output }: CommandContext,
  modules: readonly string[],
  flags: ReconcileFlags,
): Promise<boolean> {
  const reconcilers = await loadReconcilers(modulesOf(settings, modules));
  const log = logger('reconcile');
  const databases = openDatabases(settings, reconcilers);
  try {
    for (const database of Object.values(databases)) await database.ping();
    for (const name of new Set(reconcilers.map(({ actual }) => actual.in))) {
      const database = databases[name];
      if (database !== undefined)
        await requireMigrations(database.executor, [outboxMigrations, reconcileMigrations]);
    }
    const service = reconcilerService(reconcilers, { databases, log });
    if (flags.once === true) {
      const counts = await service.runOnce();
      output.result(Object.fromEntries(counts), () => table([...counts].map(rowOf)));
      return [...counts.values()].every(({ outcomes }) => (outcomes.failed ?? 0) === 0);
    }
    log.info({ reconcilers: reconcilers.map(({ name }) => name) }, 'starting');
    await runLong({ name: 'reconciler', settings, log, services: () => [service], checks: () => ({}) });
    return true;
  } finally {
    await Promise.all(Object.values(databases).map((database) => database.close()));
  }
}

/** Shows what the modules declare; connects to nothing. */
export async function listReconcilers(
  { settings, output }: CommandContext,
  modules: readonly string[],
): Promise<boolean> {
  const now = new Date();
  const rows = (await loadReconcilers(modulesOf(settings, modules))).map((reconciler) => ({
    name: reconciler.name,
    mode: reconciler.mode,
    schedule: reconciler.schedule ?? null,
    timeZone: reconciler.timeZone,
    next: nextRun(reconciler, now)?.toISOString() ?? null,
    desired: reconciler.desired.in,
    actual: reconciler.actual.in,
  }));
  output.result(rows, () =>
    table([
      ['NAME', 'MODE', 'SCHEDULE', 'NEXT RUN', 'COMPARES'],
      ...rows.map(({ name, mode, schedule, timeZone, next, desired, actual }) => [
        name,
        mode,
        schedule === null ? 'when reported' : `${schedule} (${timeZone})`,
        next ?? '-',
        `${desired} → ${actual}`,
      ]),
    ]),
  );
  return true;
}

function modulesOf({ reconcile }: Settings, modules: readonly string[]): readonly string[] {
  return modules.length > 0 ? modules : reconcile.modules;
}

/** A pool of its own for each database that a reconciler names: the services' connections are theirs. */
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

function rowOf([name, { keys, outcomes }]: readonly [string, RunCounts]): readonly string[] {
  const found = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`);
  return [name, `${keys} keys`, found.join(', ')];
}
