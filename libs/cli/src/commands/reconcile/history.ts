import { readAudit, type RunView } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { count, optionalArgument } from '../../frame/flags.ts';
import { type Cell, listing, result, tableOf } from '../../frame/result.ts';
import { databases } from '../../history/named-databases.ts';
import { operatorText, repairText } from '../../history/render-history.ts';
import { findReconciler, nameArgument, settingOf } from './find-reconciler.ts';
import { type HistoryEntry, readReconcileHistory } from './read-history.ts';
import { notesText, outcomesText } from './status-text.ts';

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
    const lacking = notGiven.map((one) => `${one} (${settingOf(one)})`);
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
