import { readPolicyHistory, postgresMigrations } from '@convergekit/postgres/operate';
import { command } from '../../frame/command.ts';
import { count, optionalArgument } from '../../frame/flags.ts';
import { listing } from '../../frame/result.ts';

export const historyCommand = command({
  name: 'history',
  summary: 'who changed the central table, when, what and why; newest first',
  args: { name: optionalArgument('only changes of this name') },
  flags: { limit: count('changes', 'at most so many changes', 20) },
  run: async (context, { name, limit }) => {
    const { executor } = await context.database(postgresMigrations);
    const rows = await readPolicyHistory(executor, { name, limit });
    return listing(rows, 'no policy was changed here', {
      version: (row) => row.version,
      at: (row) => row.changedAt,
      by: (row) => `${row.changedBy} (${row.role})`,
      name: (row) => row.name,
      change: (row) =>
        `${row.before === null ? 'none' : JSON.stringify(row.before)} → ${JSON.stringify(row.after)}`,
      reason: (row) => row.reason,
    });
  },
});
