import { listWork, WORK_STATES } from '@convergekit/saga/operate';
import { sagaMigrations } from '@convergekit/saga';
import { command } from '../../frame/command.ts';
import { choices, count, text } from '../../frame/flags.ts';
import { listing } from '../../frame/result.ts';

export const listCommand = command({
  name: 'list',
  summary: 'intents in DATABASE_URL, the oldest first',
  flags: {
    state: choices('state', WORK_STATES, 'only intents in these states', [
      'ready',
      'calling',
      'unknown',
      'answered',
      'stuck',
    ]),
    effect: text('name', 'only intents of this effect'),
    limit: count('intents', 'at most so many intents', 50),
  },
  run: async (context, { state: states, effect, limit }) => {
    const { executor } = await context.database(sagaMigrations);
    return listing(await listWork(executor, { states, effect, limit }), 'no intents in these states', {
      id: (row) => row.id,
      effect: (row) => row.effect,
      key: (row) => row.key,
      state: (row) => (row.stuckReason === null ? row.state : `${row.state}: ${row.stuckReason}`),
      calls: (row) => row.attempts,
      queries: (row) => row.queries,
      created: (row) => row.createdAt,
      'waits for': (row) => (row.awaitsQuota === null ? null : `quota ${row.awaitsQuota}`),
      due: (row) => (row.endedAt === null && row.state !== 'stuck' ? row.dueAt : null),
    });
  },
});
