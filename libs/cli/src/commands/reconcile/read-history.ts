import type { Executor } from '@convergekit/postgres';
import { listRuns, readAudit, type RunView } from '@convergekit/reconcile/operate';
import { readActsOn } from '../../audit/audit-sql.ts';
import type { CommandContext } from '../../frame/context.ts';
import type { StoredAct, StoredRepair } from '../../history/act-sql.ts';
import { type Found, openAll } from './find-reconciler.ts';

/** A run, a repair or verdict, or an act of an operator. */
export type HistoryEntry = { readonly database: string; readonly at: string } & (
  ({ readonly kind: 'run' } & RunView) | StoredAct | StoredRepair
);

/** What happened to a reconciler, the newest first. */
export interface ReconcileHistory {
  readonly entries: readonly HistoryEntry[];
  /** The databases that were given, by name. */
  readonly readFrom: readonly string[];
  /** Databases that its declaration names and the settings do not. */
  readonly notGiven: readonly string[];
}

/** Reads the runs, the repairs and the acts of a reconciler from the databases of the settings, and from those of `urls`. */
export async function readReconcileHistory(
  context: CommandContext,
  { name, declared }: Found,
  urls: readonly string[],
  limit: number,
): Promise<ReconcileHistory> {
  const opened = [...(await openAll(context))];
  for (const url of urls) opened.push((await context.databaseAt(url)).executor);
  const entries: HistoryEntry[] = [];
  const readFrom: string[] = [];
  for (const executor of opened) {
    const database = await databaseOf(executor);
    if (database === undefined) continue;
    readFrom.push(database);
    entries.push(...(await entriesOf(executor, name, limit)).map((entry) => ({ ...entry, database })));
  }
  const sides = declared === undefined ? [] : [declared.desired.in, declared.actual.in];
  const named = new Set(Object.keys(context.settings.reconcile.databases));
  return {
    entries: entries.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, limit),
    readFrom,
    notGiven: [...new Set(sides)].filter((side) => !named.has(side)),
  };
}

/** The name of a database with the tables of reconcilers; undefined for one without. */
async function databaseOf(executor: Executor): Promise<string | undefined> {
  const { rows } = await executor.query<{ name: string }>(
    `select current_database() as name where to_regclass('converge.reconcile_run') is not null and to_regclass('converge.audit') is not null`,
  );
  return rows[0]?.name;
}

type Recorded = HistoryEntry extends infer One
  ? One extends unknown
    ? Omit<One, 'database'>
    : never
  : never;

async function entriesOf(executor: Executor, name: string, limit: number): Promise<readonly Recorded[]> {
  const acts = await readActsOn(executor, [{ kind: 'reconciler', id: name }]);
  const repairs = await readAudit(executor, name, { limit });
  const runs = await listRuns(executor, name, limit);
  return [
    ...acts.map((act) => ({ kind: 'act' as const, ...act })),
    ...repairs.map(({ at, id, key, verdict, why, cause, actor }) => ({
      ...{ kind: 'repair' as const, at: at.toISOString(), id, reconciler: name },
      ...{ key: key ?? '', verdict, why, cause, actor },
    })),
    ...runs.map((run) => ({ kind: 'run' as const, at: run.startedAt.toISOString(), ...run })),
  ];
}
