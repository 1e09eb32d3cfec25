import { nextRun } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { listing } from '../../frame/result.ts';
import { loadReconcilers, modulesArgument } from './reconciler-modules.ts';

/** Shows what the modules declare; connects to nothing. */
export const listCommand = command({
  name: 'list',
  summary: 'show the reconcilers of the modules, with their schedules',
  args: modulesArgument,
  run: async (context, { modules }) => {
    const now = new Date();
    const rows = (await loadReconcilers(context.settings, modules)).map((reconciler) => ({
      name: reconciler.name,
      mode: reconciler.mode,
      schedule: reconciler.schedule ?? null,
      timeZone: reconciler.timeZone,
      next: nextRun(reconciler, now)?.toISOString() ?? null,
      desired: reconciler.desired.in,
      actual: reconciler.actual.in,
    }));
    return listing(rows, 'no reconcilers', {
      name: (row) => row.name,
      mode: (row) => row.mode,
      schedule: (row) => (row.schedule === null ? 'when reported' : `${row.schedule} (${row.timeZone})`),
      'next run': (row) => row.next,
      compares: (row) => `${row.desired} → ${row.actual}`,
    });
  },
});
