import { systemClock } from '@convergekit/core';
import { inboxMigrations } from '@convergekit/inbox';
import { listParked, planRetry, retriedFilter, retryAll, type RetryPlan } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { refused, UsageError } from '@convergekit/operate/errors';
import {
  afterCompensation,
  anyArguments,
  asks,
  count,
  dryRun,
  reason as why,
  toggle,
} from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { contradictions } from './compensations.ts';
import { databases } from '../../frame/named-databases.ts';
import { eventLines, filter, requireNames, requireSomeParked, wantedOf } from './list.ts';

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
    stopAt: count('percent', 'await outcomes, and stop when more of them than this are failures again'),
    afterCompensation: afterCompensation('retries'),
    ...databases,
    reason: why('why: it is kept with the event'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { ids, all, rate, limit, stopAt, reason, dryRun: dry, ...given }) => {
    const { afterCompensation, database: urls, ...flags } = given;
    const how = { afterCompensation };
    const wanted = wantedOf(flags);
    if (ids.length === 0 && !all && Object.values(wanted).every((one) => one === undefined))
      throw new UsageError(
        'NOTHING_NAMED',
        'name what to retry: ids, a filter (--consumer, --key, --code …), or --all',
      );
    const database = await context.database(inboxMigrations);
    await requireNames(database.executor, flags);
    const { gone } = ids.length > 0 ? await requireSomeParked(context, database.executor, ids) : { gone: [] };
    const states = wanted.states ?? (ids.length > 0 ? undefined : (['dead'] as const));
    const filtered = { ...wanted, states, ids: ids.length > 0 ? ids : undefined };
    const plan = await planRetry(database.executor, filtered, how);
    if (plan.eligible > limit)
      throw new UsageError(
        'TOO_MANY',
        `${plan.eligible} match, more than ${limit}: narrow the filter, or raise --limit`,
      );
    if (dry) {
      const rows = await listParked(database.executor, retriedFilter(filtered), limit);
      const reported = rows.filter(({ state }) => state !== 'waiting');
      const notes = [...(await contradictions(context, reported, urls)), ...refusals(plan)];
      return result(rows, () => [...eventLines(rows), ...notes, `would retry ${plan.eligible}`]);
    }
    requireEligible(plan);
    for (const line of [...refusals(plan), ...gone.map(({ message }) => message)])
      context.output.progress(line);
    await context.confirm(questionOf(plan));
    const done: { id: string; result: string }[] = [];
    const retried = await retryAll(database, {
      filter: filtered,
      ...how,
      operator: { by: context.operator, reason },
      rate,
      stopAtPercent: stopAt,
      clock: systemClock,
      onWait: ({ pending, limitMs }) =>
        context.output.progress(
          `waits for the outcome of ${pending} retried ${pending === 1 ? 'event' : 'events'}: a process of the consumer must run; the command ends after ${limitMs / 1_000} s without an outcome`,
        ),
      onEvent: (id, outcome) => done.push({ id, result: outcome }),
    });
    context.audit({ retried: retried.sent, of: plan.matching, reason });
    const ended = retried.stopped ?? retried.unanswered;
    const stopped = ended === undefined ? [] : [`stopped: ${ended}`];
    return result(
      done,
      () => [
        ...done.map(({ id, result: outcome }) => `${id}: ${outcome}`),
        ...stopped,
        `${retried.sent} retried`,
      ],
      retried.sent === plan.matching && ended === undefined && gone.length === 0,
    );
  },
});

function requireEligible(plan: RetryPlan): void {
  if (plan.eligible > 0 || plan.matching === 0) return;
  const code = plan.reported > 0 ? 'PARKED_REPORTED' : 'PARKED_REFUSED';
  throw refused(code, `nothing is retried: ${refusals(plan).join('; ')}`);
}

function refusals({ ineligible }: RetryPlan): readonly string[] {
  return ineligible.map(({ why, events }) => `${events} are left alone: ${why}`);
}

function questionOf({ eligible, reported }: RetryPlan): string {
  const sent =
    eligible === 0 || reported === 0
      ? ''
      : ` The failure events of ${reported} are published: what services compensated for them stays compensated.`;
  return `Retry ${eligible}?${sent}`;
}
