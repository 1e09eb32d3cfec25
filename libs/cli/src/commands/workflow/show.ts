import { sagaMigrations } from '@convergekit/saga';
import { readWorkflow, verifyWorkflow } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { result, tableOf } from '../../frame/result.ts';
import { named } from './list.ts';

export const showCommand = command({
  name: 'show',
  summary: 'one workflow: its plan of undo, and its whole journal',
  args: named,
  run: async (context, { workflow, id }) => {
    const { executor } = await context.database(sagaMigrations);
    const record = await readWorkflow(executor, workflow, id);
    const { plan } = verifyWorkflow(record);
    const { state, stuckReason, journal } = record;
    return result({ ...record, plan }, () => [
      `${workflow} ${id}: ${stuckReason === null ? state : `${state}: ${stuckReason}`}`,
      '',
      ...tableOf(plan, 'nothing to undo', {
        undo: ({ step }) => step,
        path: ({ path }) => path,
        does: ({ does }) => does,
      }),
      '',
      ...tableOf(journal, 'no journal', {
        entry: ({ seq }) => seq,
        at: ({ atMs }) => new Date(atMs),
        kind: ({ kind }) => kind,
        path: ({ path }) => (path === '' ? '(all)' : path),
        data: ({ data }) => (data === '{}' ? '' : data),
      }),
    ]);
  },
});
