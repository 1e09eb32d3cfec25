import { systemClock } from '@convergekit/core';
import { inboxMigrations } from '@convergekit/inbox';
import { listParked, retryParked } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { UsageError } from '../../frame/errors.ts';
import { anyArguments, asks, count, dryRun, reason as why, toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { eventLines, filter, wantedOf } from './list.ts';

/** Retries one, matching or all events, each in a transaction, so that a stop leaves whole events. */
export const retryCommand = command({
  name: 'retry',
  summary: 'retry dead letters, as another run; --state waiting retries now what waits',
  args: { ids: anyArguments('as `parked list --events` shows them; or a filter, or --all') },
  flags: {
    ...filter,
    all: toggle('every dead letter in this database'),
    rate: count('events/s', 'at most so many events a second', 50),
    limit: count('events', 'refuse when more events match', 10_000),
    reason: why('why: it is kept with the event'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { ids, all, rate, limit, reason, dryRun: dry, ...flags }) => {
    const wanted = wantedOf(flags);
    if (ids.length === 0 && !all && Object.values(wanted).every((one) => one === undefined))
      throw new UsageError(
        'NOTHING_NAMED',
        'name what to retry: ids, a filter (--consumer, --key, --code …), or --all',
      );
    const database = await context.database(inboxMigrations);
    const states = wanted.states ?? (ids.length > 0 ? undefined : (['dead'] as const));
    const filtered = { ...wanted, states, ids: ids.length > 0 ? ids : undefined };
    const rows = await listParked(database.executor, filtered, limit + 1);
    if (rows.length > limit)
      throw new UsageError('TOO_MANY', `more than ${limit} match: narrow the filter, or raise --limit`);
    if (dry) return result(rows, () => [...eventLines(rows), `would retry ${rows.length}`]);
    await context.confirm(questionOf(rows));
    const done: { id: string; result: string }[] = [];
    for (const { id } of rows) {
      if (done.length > 0) await systemClock.sleep(1_000 / rate);
      // An event that was applied meanwhile, or waits behind another, is reported and passed.
      const outcome = await retryParked(database, id, { by: context.operator, reason }).catch(messageOf);
      done.push({ id, result: outcome });
    }
    const retried = done.filter(({ result: outcome }) => outcome === 'run' || outcome === 'due').length;
    context.audit({ retried, of: rows.length, reason });
    return result(
      done,
      () => [...done.map(({ id, result: outcome }) => `${id}: ${outcome}`), `${retried} retried`],
      retried === rows.length,
    );
  },
});

function questionOf(rows: readonly { readonly state: string }[]): string {
  const dead = rows.filter(({ state }) => state === 'dead').length;
  const sent =
    dead === 0 ? '' : ` The failure events of ${dead} are out: other services may have compensated already.`;
  return `Retry ${rows.length}?${sent}`;
}

function messageOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  if (error instanceof Error && typeof code === 'string' && code.startsWith('PARKED_')) return error.message;
  throw error;
}
