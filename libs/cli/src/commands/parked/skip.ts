import { inboxMigrations } from '@convergekit/inbox';
import { type ParkedSummary, skipParked, UNREPORTED } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { refused } from '@convergekit/operate/errors';
import { asks, dryRun, reason as why, someArguments, toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { refusalOf } from '../journal/act.ts';
import { eventLines, requireSomeParked } from './list.ts';

/** The events of a line from its end: where its first one is skipped, the consumer applies the next one at once. Pure. */
function lastFirst(rows: readonly ParkedSummary[]): readonly ParkedSummary[] {
  return rows.toSorted((left, right) => Number(right.seq ?? 0) - Number(left.seq ?? 0));
}

export const skipCommand = command({
  name: 'skip',
  summary: 'skip events for good: they are kept on record, and their keys continue',
  args: { ids: someArguments('as `parked list --events` shows them') },
  flags: {
    unreported: toggle(
      'skips events too that were not given up: no failure event says to other services that they never take effect',
    ),
    reason: why('why: it is kept with the event'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { ids, unreported, reason, dryRun: dry }) => {
    const database = await context.database(inboxMigrations);
    const { rows, gone } = await requireSomeParked(context, database.executor, ids);
    const silent = rows.filter(({ failureEvent }) => failureEvent === null).length;
    const loss = silent === 0 ? [] : [`${silent} of ${rows.length}: ${UNREPORTED}`];
    if (dry) {
      const skipped = unreported ? rows.length : rows.length - silent;
      return result(rows, () => [...eventLines(rows), ...loss, `would skip ${skipped}`]);
    }
    if (silent > 0 && !unreported) throw refused('PARKED_REFUSED', `nothing is skipped: ${loss.join('')}`);
    for (const line of loss) context.output.progress(line);
    await context.confirm(`Skip ${rows.length} for good?`);
    const skipped: string[] = [];
    const refusals = [...gone];
    // What was skipped before does not keep the others from it: a command that was broken off is typed again.
    for (const { id } of lastFirst(rows)) {
      const operator = { by: context.operator, reason };
      const refusal = await skipParked(database, id, operator, { unreported }).catch(refusalOf);
      if (refusal !== undefined) {
        refusals.push(refusal);
        continue;
      }
      skipped.push(id);
      context.audit({ id, unreported, reason });
    }
    if (skipped.length === 0 && refusals[0] !== undefined) throw refusals[0];
    for (const { message } of refusals) context.output.progress(message);
    return result({ skipped }, () => skipped.map((id) => `${id}: skipped`), refusals.length === 0);
  },
});
