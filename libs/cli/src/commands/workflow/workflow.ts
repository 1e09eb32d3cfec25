import { resolve, retry } from '@convergekit/operate/workflow';
import { sagaMigrations } from '@convergekit/saga';
import { inspectWorkflow, listWorkflows, WORKFLOW_STATES } from '@convergekit/saga/operate';
import { actCommand } from '../../frame/act-command.ts';
import { command } from '../../frame/command.ts';
import { argument, states, count, text } from '../../frame/flags.ts';
import { listing, result, tableOf } from '../../frame/result.ts';
import { journalReport } from '../journal/report.ts';

/** The arguments that name one workflow. */
const named = {
  workflow: argument("the declaration's name"),
  id: argument('as `workflow list` shows it'),
};

const listCommand = command({
  name: 'list',
  summary: 'workflows in DATABASE_URL, the oldest first',
  flags: {
    state: states(WORKFLOW_STATES, 'only workflows in these states', ['running', 'compensating', 'stuck']),
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

const showCommand = command({
  name: 'show',
  summary: 'one workflow: its plan of undo, and its whole journal',
  args: named,
  run: async (context, { workflow, id }) => {
    const { executor } = await context.database(sagaMigrations);
    const { record, plan } = await inspectWorkflow(executor, workflow, id);
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

const verifyCommand = command({
  name: 'verify',
  summary: 'compute the state from the journal, and compare both; exit code 1 when they differ',
  args: named,
  run: async (context, { workflow, id }) => {
    const { executor } = await context.database(sagaMigrations);
    const { record, findings } = await inspectWorkflow(executor, workflow, id);
    return journalReport(context.output, { journals: 1, rows: record.journal.length, findings });
  },
});

export const workflowCommands = [
  listCommand,
  showCommand,
  verifyCommand,
  ...[retry, resolve].map(actCommand),
];
