import { inboxMigrations } from '@convergekit/inbox';
import { editParked, readParked } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { argument, asks, dryRun, json, needed, reason as why } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { parkedGone } from './show.ts';

export const editCommand = command({
  name: 'edit',
  summary: 'replace the payload of an event; the original bytes are kept',
  args: { id: argument('as `parked list --events` shows it') },
  flags: {
    payload: needed(json('the new payload')),
    reason: why('why: it is kept with the event'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { id, payload, reason, dryRun: dry }) => {
    const database = await context.database(inboxMigrations);
    const found = await readParked(database.executor, id);
    if (found === undefined) throw parkedGone(id);
    context.output.progress(`was: ${(found.edited ?? found.payload)?.toString('utf8') ?? 'no payload'}`);
    if (dry) return result({ id, payload, dryRun: true }, () => [`would be: ${payload}`]);
    await context.confirm(`Replace its payload by ${payload}?`);
    await editParked(database, id, Buffer.from(payload), { by: context.operator, reason });
    context.audit({ id, reason });
    return result({ edited: id }, () => [
      `${id}: edited; \`converge parked retry ${id} --reason "…"\` retries it`,
    ]);
  },
});
