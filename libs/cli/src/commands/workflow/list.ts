import { sagaMigrations } from '@convergekit/effects';
import { listStacks, STACK_STATES } from '@convergekit/workflow';
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
    state: choices('state', STACK_STATES, 'only workflows in these states', [
      'running',
      'compensating',
      'stuck',
    ]),
    workflow: text('name', 'only of this declaration'),
    limit: count('workflows', 'at most so many workflows', 50),
  },
  run: async (context, { state: states, workflow: stack, limit }) => {
    const { executor } = await context.database(sagaMigrations);
    return listing(await listStacks(executor, { states, stack, limit }), 'no workflows in these states', {
      workflow: (row) => row.stack,
      id: (row) => row.id,
      state: (row) => (row.stuckReason === null ? row.state : `${row.state}: ${row.stuckReason}`),
      entries: (row) => row.entries,
      began: (row) => row.createdAt,
      due: (row) => row.dueAt,
    });
  },
});
