import {
  listParked,
  type ParkedFilter,
  planRetry,
  retriedFilter,
  retryAll,
  type RetryCounts,
  type RetryPlan,
} from '@convergekit/inbox/operate';
import { lastActs } from '../audit/last-acts.ts';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { UsageError } from '../host/errors.ts';
import { act, type Acting, type Outcome, type Preview } from '../registry/act.ts';
import { requireExpected } from '../registry/each.ts';
import { asked, ids, type InputOf, toggle, whole, wholeOf } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { counted } from '../text.ts';
import { contradictions } from './compensations.ts';
import { concernedOf, filter, requireNames, tables, wantedOf } from './filter.ts';
import { linesOf } from './lines.ts';
import { requireSomeParked } from './named.ts';

const input = {
  ids: ids('as `parked list` shows them; or a filter, or --all'),
  ...filter,
  all: toggle('every dead letter in this database'),
  rate: asked(wholeOf('events/s', 'at most so many events a second', 50, 10_000)),
  stopAt: asked(
    whole('percent', 'await outcomes, and stop when more of them than this are failures again', {
      most: 100,
      suggested: 20,
    }),
  ),
  afterCompensation: toggle(
    'retries given-up events too, although other services may have compensated their failure events',
  ),
};
type Input = InputOf<typeof input>;

/** Retries one, matching or all events, each in a transaction, so that a stop leaves whole events. */
export const retry = act({
  name: 'parked.retry',
  title: 'Retry',
  summary: 'retry dead letters that match, as another run; state waiting retries now what waits',
  did: 'retried',
  tables,
  input,
  most: { unit: 'events', initial: 10_000 },
  looksElsewhere: true,
  concerns: concernedOf,
  preview: async (reads, given) => {
    await requireNames(reads, given);
    const { databases, gone } = await chosen(reads, given);
    const all = await planAll(databases, given);
    const notes = await Promise.all(databases.map(({ executor }) => lastActs(executor, given.ids)));
    return {
      ...previewOf(
        all.map(({ plan }) => plan),
        given,
      ),
      notes: [...notes.flat(), ...gone],
      things: async () => {
        const listed = await Promise.all(
          all.map(({ database, plan }) =>
            listParked(database.executor, retriedFilter(filterOf(given)), plan.matching),
          ),
        );
        const rows = listed.flat();
        const reported = rows.filter(({ state }) => state !== 'waiting');
        return { rows, lines: [...linesOf(rows), ...(await contradictions(reads, reported))] };
      },
    };
  },
  run: async (reads, given, acting) => {
    const { databases, gone } = await chosen(reads, given);
    const all = await planAll(databases, given);
    const sum = (of: (plan: RetryPlan) => number): number => all.reduce((so, { plan }) => so + of(plan), 0);
    const total = sum(({ eligible }) => eligible);
    requireExpected(total, 'match', acting);
    const done = await retryIn(databases, given, acting, { total, clock: reads.clock });
    const left = sum(({ matching }) => matching) - done.counts.sent;
    return {
      ...done.outcome,
      refused: [...gone, ...done.refused, ...(left > 0 ? [`${left} were left alone`] : [])],
    };
  },
});

/** The events that are meant. Named ones are retried whatever state they have. Pure. */
function filterOf(given: Input): ParkedFilter {
  return {
    ...wantedOf(given, given.ids.length > 0 ? undefined : ['dead']),
    ids: given.ids.length > 0 ? given.ids : undefined,
  };
}

/** The databases that have the events. Refuses a retry of nothing in particular, which no operator means. */
async function chosen(
  reads: Reads,
  given: Input,
): Promise<{ readonly databases: readonly NamedDatabase[]; readonly gone: readonly string[] }> {
  const conditions = Object.values(wantedOf(given, undefined));
  if (given.ids.length === 0 && !given.all && conditions.every((one) => one === undefined))
    throw new UsageError(
      'NOTHING_NAMED',
      'name what to retry: ids, a filter (--consumer, --key, --code …), or --all',
    );
  if (given.ids.length === 0) return { databases: reads.databases, gone: [] };
  const { found, gone } = await requireSomeParked(reads, given.ids);
  const databases = [...new Set(found.map(({ database }) => database))];
  return { databases, gone: gone.map(({ message }) => message) };
}

interface Planned {
  readonly database: NamedDatabase;
  readonly plan: RetryPlan;
}

function planAll(databases: readonly NamedDatabase[], given: Input): Promise<readonly Planned[]> {
  return Promise.all(
    databases.map(async (database) => ({
      database,
      plan: await planRetry(database.executor, filterOf(given), given),
    })),
  );
}

/** Sums the plans of several databases. Pure. */
function previewOf(plans: readonly RetryPlan[], { afterCompensation }: Input): Omit<Preview, 'things'> {
  const sum = (of: (plan: RetryPlan) => number): number => plans.reduce((all, plan) => all + of(plan), 0);
  const [eligible, keys, reported] = [
    sum((plan) => plan.eligible),
    sum((plan) => plan.keys),
    sum((plan) => plan.reported),
  ];
  const others = Map.groupBy(
    plans.flatMap(({ ineligible }) => ineligible),
    ({ why }) => why,
  );
  const published =
    reported === 0 || !afterCompensation
      ? ''
      : ` The failure events of ${reported} are published: what other services compensated for them stays compensated, and nothing says to them that these took effect after all.`;
  return {
    eligible,
    unit: `${eligible === 1 ? 'event' : 'events'} of ${counted(keys, 'key', 'keys')}`,
    others: [...others].map(([why, own]) => ({
      why,
      count: own.reduce((all, { events }) => all + events, 0),
    })),
    effect: `Each runs again under its own id, in the order of its key. What its handler has already done is not done twice.${published}`,
    refusal: reported > 0 ? 'PARKED_REPORTED' : 'PARKED_REFUSED',
    consent:
      reported === 0 || afterCompensation
        ? undefined
        : { field: 'afterCompensation', label: `Include the ${reported} that may be compensated` },
  };
}

interface Retried {
  readonly counts: RetryCounts;
  readonly outcome: Outcome;
  readonly refused: readonly string[];
}

const NONE: RetryCounts = { sent: 0, refused: 0, applied: 0, failed: 0, pending: 0 };

/** Retries in one database after the other, until one of them says to stop. */
async function retryIn(
  databases: readonly NamedDatabase[],
  given: Input,
  { by, reason, report, signal }: Acting,
  { total, clock }: { readonly total: number } & Pick<Reads, 'clock'>,
): Promise<Retried> {
  const each: { readonly id: string; readonly result: string }[] = [];
  const refused: string[] = [];
  let counts = NONE;
  for (const { database } of databases) {
    const before = counts;
    const { stopped, unanswered, ...own } = await retryAll(database, {
      filter: filterOf(given),
      afterCompensation: given.afterCompensation,
      operator: { by, reason },
      rate: given.rate,
      stopAtPercent: given.stopAt === 100 ? undefined : given.stopAt,
      clock,
      signal,
      onProgress: ({ sent, pending }) =>
        report(before.sent + sent, total, pending > 0 && given.stopAt !== undefined ? WAITS : undefined),
      onEvent: (id, result) => each.push({ id, result }),
    });
    counts = plus(before, own);
    const ended = stopped ?? unanswered;
    if (ended !== undefined) refused.push(`stopped: ${ended}`);
    if (stopped !== undefined) break;
  }
  const lines = each.map(({ id, result }) => `${id}: ${result}`);
  return { counts, refused, outcome: { text: textOf(counts), changed: counts.sent, lines, value: each } };
}

const WAITS =
  'waits for the outcomes of retried events: a process of the consumer must run; it ends after a minute without an outcome';

function plus(a: RetryCounts, b: RetryCounts): RetryCounts {
  return {
    sent: a.sent + b.sent,
    refused: a.refused + b.refused,
    applied: a.applied + b.applied,
    failed: a.failed + b.failed,
    pending: a.pending + b.pending,
  };
}

function textOf({ sent, refused, applied, failed, pending }: RetryCounts): string {
  return [
    `${sent} retried`,
    ...(applied > 0 ? [`${applied} took effect`] : []),
    ...(failed > 0 ? [`${failed} failed again`] : []),
    ...(pending > 0 ? [`${pending} are due and not tried yet`] : []),
    ...(refused > 0 ? [`${refused} were left alone`] : []),
  ].join(', ');
}
