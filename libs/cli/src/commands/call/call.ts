import { resolve, retry } from '@convergekit/operate/call';
import { listWork, readWork, WORK_STATES } from '@convergekit/saga/operate';
import { sagaMigrations } from '@convergekit/saga';
import { actCommand } from '../../frame/act-command.ts';
import { command } from '../../frame/command.ts';
import { argument, states, count, text } from '../../frame/flags.ts';
import { listing, result } from '../../frame/result.ts';
import { fieldLines } from '../../frame/fields.ts';

const listCommand = command({
  name: 'list',
  summary: 'calls to other systems in DATABASE_URL, the oldest first',
  flags: {
    state: states(WORK_STATES, 'only calls in these states', [
      'ready',
      'calling',
      'unknown',
      'answered',
      'stuck',
    ]),
    name: text('name', 'only calls of this declaration'),
    limit: count('calls', 'at most so many calls', 50),
  },
  run: async (context, { state: states, name, limit }) => {
    const { executor } = await context.database(sagaMigrations);
    return listing(await listWork(executor, { states, call: name, limit }), 'no calls in these states', {
      id: (row) => row.id,
      call: (row) => row.call,
      key: (row) => row.key,
      state: (row) => (row.stuckReason === null ? row.state : `${row.state}: ${row.stuckReason}`),
      attempts: (row) => row.attempts,
      queries: (row) => row.queries,
      created: (row) => row.createdAt,
      'waits for': (row) => (row.awaitsQuota === null ? null : `quota ${row.awaitsQuota}`),
      due: (row) => (row.endedAt === null && row.state !== 'stuck' ? row.dueAt : null),
    });
  },
});

const showCommand = command({
  name: 'show',
  summary: 'one call: input, outcome, every attempt with the wait before it',
  args: { id: argument('as `call list` shows it') },
  run: async (context, { id }) => {
    const { executor } = await context.database(sagaMigrations);
    const work = await readWork(executor, id);
    return result(work, () => fieldLines(work));
  },
});

export const callCommands = [listCommand, showCommand, ...[retry, resolve].map(actCommand)];
