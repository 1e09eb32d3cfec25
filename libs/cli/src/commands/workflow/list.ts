import { sagaMigrations } from '@convergekit/saga';
import { listWorkflows, WORKFLOW_STATES } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { argument, choices, count, text } from '../../frame/flags.ts';
import { listing } from '../../frame/result.ts';

/** The arguments that name one workflow. */
export const named = {
  workflow: argument("the declaration's name"),
  id: argument('as `workflow list` shows it'),
};

export const listCommand = command({
  name: 'list',
  summary: 'workflows in DATABASE_URL, the oldest first',
  flags: {
    state: choices('state', WORKFLOW_STATES, 'only workflows in these states', [
      'running',
      'compensating',
      'stuck',
    ]),
    workflow: text('name', 'only of this declaration'),
    limit: count('workflows', 'at most so many workflows', 50),
  },
  run: async (context, { state: states, workflow, limit }) => {
    const { executor } = await context.database(sagaMigrations);
    return listing(
      await listWorkflows(executor, { states, workflow, limit }),
      'no workflows in these states',
      {
        workflow: (row) => row.workflow,
        id: (row) => row.id,
        state: (row) => (row.stuckReason === null ? row.state : `${row.state}: ${row.stuckReason}`),
        entries: (row) => row.entries,
        began: (row) => row.createdAt,
        due: (row) => row.dueAt,
      },
    );
  },
});
