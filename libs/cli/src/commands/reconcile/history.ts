import { databaseVariable, namedIn } from '@convergekit/config/engine';
import { listRuns, readAudit, type RunView } from '@convergekit/reconcile/operate';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { command } from '../../frame/command.ts';
import { count, optionalArgument } from '../../frame/flags.ts';
import { type Cell, listing, result, tableOf } from '../../frame/result.ts';
import { databases } from '../../frame/named-databases.ts';
import {
  operatorText,
  readActsOn,
  repairText,
  type StoredAct,
  type StoredRepair,
} from '@convergekit/operate';
import { findReconciler, type Found, nameArgument } from './find-reconciler.ts';
import { notesText, outcomesText } from './status-text.ts';
import { allDatabases } from '../../frame/all-databases.ts';
import type { CommandContext } from '../../frame/context.ts';

/** The columns of runs, the newest first. */
export const runColumns: Readonly<Record<string, (run: RunView) => Cell>> = {
  run: (run) => run.id,
  cause: (run) => (run.actor === null ? run.cause : `${run.cause} by ${run.actor}`),
  state: (run) => run.state,
  due: (run) => run.dueAt,
  started: (run) => run.startedAt,
  ended: (run) => run.endedAt,
  keys: (run) => run.keys,
  outcomes: (run) => outcomesText(run.outcomes),
  notes: (run) => notesText(run),
};

export const historyCommand = command({
  name: 'history',
  summary: 'what happened to a reconciler, the newest first: runs, repairs, verdicts, acts of operators',
  args: nameArgument,
  flags: { ...databases, limit: count('entries', 'the newest entries', 50) },
  run: async (context, { name, database, limit }) => {
    const found = await findReconciler(context, name);
    const history = await readReconcileHistory(context, found, database, limit);
    const { entries, readFrom, notGiven } = history;
    const lacking = notGiven.map((one) => `${one} (${databaseVariable(one)})`);
    return result(history, () => [
      ...tableOf(entries, `nothing is recorded of ${name}`, {
        at: ({ at }) => new Date(at),
        database: (entry) => entry.database,
        what: ({ kind }) => kind,
        history: entryText,
      }),
      '',
      `read from ${readFrom.join(', ')}${lacking.length === 0 ? '' : `; not given: the databases ${lacking.join(', ')}`}`,
    ]);
  },
});

function entryText(entry: HistoryEntry): string {
  switch (entry.kind) {
    case 'act':
      return operatorText(entry);
    case 'repair':
      return repairText(entry);
    case 'run': {
      const { id, cause, actor, state, keys, outcomes } = entry;
      const by = actor === null ? cause : `${cause} by ${actor}`;
      const found = outcomesText(outcomes);
      const parts = [`run ${id}, ${by}: ${state}`, `${keys} keys`, found, notesText(entry)];
      return parts.filter((part) => part !== '').join('; ');
    }
  }
}

/** With --json each row has both states, the drift and the state after a repair. */
export const auditCommand = command({
  name: 'audit',
  summary: 'repairs, and verdicts that were no repair, the newest first, with their states',
  args: { ...nameArgument, key: optionalArgument('one key (default: all)') },
  flags: { limit: count('rows', 'the newest rows', 50) },
  run: async (context, { name, key, limit }) => {
    const { executor } = await findReconciler(context, name);
    const rows = await readAudit(executor, name, { key, limit });
    return listing(rows, 'no rows: nothing was repaired, and no verdict was recorded', {
      at: ({ at }) => at,
      key: (row) => row.key,
      verdict: ({ verdict }) => verdict,
      before: ({ before }) => stateText(before),
      after: ({ after }) => stateText(after),
      why: ({ why }) => why,
      cause: ({ cause }) => cause,
      by: ({ actor }) => actor,
    });
  },
});

function stateText(state: unknown): string | null {
  return state === null ? null : JSON.stringify(state);
}

/** A run, a repair or verdict, or an act of an operator. */
type HistoryEntry = { readonly database: string; readonly at: string } & (
  ({ readonly kind: 'run' } & RunView) | StoredAct | StoredRepair
);

/** What happened to a reconciler, the newest first. */
interface ReconcileHistory {
  readonly entries: readonly HistoryEntry[];
  /** The databases that were given, by name. */
  readonly readFrom: readonly string[];
  /** Databases that its declaration names and the settings do not. */
  readonly notGiven: readonly string[];
}

/** Reads the runs, the repairs and the acts of a reconciler from the databases of the settings, and from those of `urls`. */
async function readReconcileHistory(
  context: CommandContext,
  { name, declared }: Found,
  urls: readonly string[],
  limit: number,
): Promise<ReconcileHistory> {
  const entries: HistoryEntry[] = [];
  const readFrom: string[] = [];
  for (const { executor } of await allDatabases(context, { urls })) {
    const database = await databaseOf(executor);
    if (database === undefined) continue;
    readFrom.push(database);
    entries.push(...(await entriesOf(executor, name, limit)).map((entry) => ({ ...entry, database })));
  }
  const sides = declared === undefined ? [] : [declared.desired.in, declared.actual.in];
  return {
    entries: entries.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, limit),
    readFrom,
    notGiven: [...new Set(sides)].filter((side) => namedIn(context.settings.databases, side) === undefined),
  };
}

/** The name of a database with the tables of reconcilers; undefined for one without. */
async function databaseOf(executor: Executor): Promise<string | undefined> {
  if (!(await hasTables(executor, 'converge.reconcile_run', 'converge.audit'))) return undefined;
  return (await executor.query<{ name: string }>('select current_database() as name')).rows[0]?.name;
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
      kind: 'repair' as const,
      at: at.toISOString(),
      id,
      reconciler: name,
      key: key ?? '',
      verdict,
      why,
      cause,
      actor,
    })),
    ...runs.map((run) => ({ kind: 'run' as const, at: run.startedAt.toISOString(), ...run })),
  ];
}
