import { inboxMigrations } from '@convergekit/inbox';
import { listParked, skipParked } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { asks, dryRun, reason as why, someArguments } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { eventLines } from './list.ts';
import { parkedGone } from './show.ts';

export const skipCommand = command({
  name: 'skip',
  summary: 'skip events for good: they are kept on record, and their keys continue',
  args: { ids: someArguments('as `parked list --events` shows them') },
  flags: { reason: why('why: it is kept with the event'), ...dryRun, ...asks },
  run: async (context, { ids, reason, dryRun: dry }) => {
    const database = await context.database(inboxMigrations);
    const rows = await listParked(database.executor, { ids }, ids.length);
    const missing = ids.find((id) => !rows.some((row) => row.id === id));
    if (missing !== undefined) throw parkedGone(missing);
    if (dry) return result(rows, () => [...eventLines(rows), `would skip ${rows.length}`]);
    await context.confirm(`Skip ${ids.length} for good?`);
    for (const id of ids) {
      await skipParked(database, id, { by: context.operator, reason });
      context.audit({ id, reason });
    }
    return result({ skipped: ids }, () => ids.map((id) => `${id}: skipped`));
  },
});
