import { listRuns, type RunView } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { count } from '../../frame/flags.ts';
import { type Cell, listing } from '../../frame/result.ts';
import { findReconciler, nameArgument } from './find-reconciler.ts';
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
  summary: 'the runs of a reconciler, the newest first, with the outcomes of their comparisons',
  args: nameArgument,
  flags: { limit: count('runs', 'at most so many runs', 20) },
  run: async (context, { name, limit }) => {
    const { executor } = await findReconciler(context, name);
    return listing(await listRuns(executor, name, limit), `no runs of ${name}`, runColumns);
  },
});
