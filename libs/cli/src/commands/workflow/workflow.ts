import { sagaMigrations } from '@convergekit/saga';
import {
  inspectWorkflow,
  listWorkflows,
  resolveWorkflow,
  retryWorkflow,
  type StatedResult,
  stuckStepOf,
  WORKFLOW_STATES,
} from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { argument, asks, states, count, reason as why, text, type Values } from '../../frame/flags.ts';
import { listing, result, tableOf } from '../../frame/result.ts';
import { journalReport } from '../journal/report.ts';
import { actOn, outcomes } from '../journal/act.ts';
import { UsageError } from '@convergekit/operate/errors';

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

const retryCommand = command({
  name: 'retry',
  summary: 'retry now what waits or is stuck',
  args: named,
  flags: { reason: why('why: it is kept in the journal'), ...asks },
  run: async (context, { workflow, id, reason }) => {
    const database = await context.database(sagaMigrations);
    // It needs no confirmation: a call of unknown outcome is queried, and not repeated.
    return actOn(context, database, { did: 'retry', reason }, [
      {
        named: { workflow, id },
        text: `${workflow} ${id}`,
        subject: `${workflow} ${id}`,
        act: (by) => retryWorkflow(database, { workflow, id }, by),
      },
    ]);
  },
});

const resolveCommand = command({
  name: 'resolve',
  summary: 'record the outcome of the step that is stuck; the worker continues with it',
  args: named,
  flags: { ...outcomes, reason: why('the evidence: it is kept in the journal'), ...asks },
  run: async (context, { workflow, id, reason, ...flags }) => {
    const stated = statedOf(flags);
    const database = await context.database(sagaMigrations);
    const of = { workflow, id };
    const seen = await stuckStepOf(database.executor, of);
    const question = `Record ${stated.kind} as the outcome of ${seen.path}, which is stuck: ${seen.reason}?`;
    return actOn(context, database, { did: 'resolve', outcome: stated.kind, reason, question }, [
      {
        named: { ...of, step: seen.path },
        text: `${seen.path} of ${workflow} ${id}`,
        subject: `${workflow} ${id}`,
        act: (by) => resolveWorkflow(database, of, stated, by, seen),
      },
    ]);
  },
});

function statedOf({ succeeded, failed, undone, effectStays }: Values<typeof outcomes>): StatedResult {
  if (effectStays) return { kind: 'effect_stays' };
  if (undone) return { kind: 'undone' };
  if (failed !== undefined) return { kind: 'failed', code: failed };
  if (succeeded !== undefined) return { kind: 'succeeded', result: succeeded };
  throw new UsageError(
    'OUTCOME_MISSING',
    'give the outcome: --succeeded <json>, --failed <code>, --undone, or --effect-stays',
  );
}

export const workflowCommands = [listCommand, showCommand, verifyCommand, retryCommand, resolveCommand];
