import { groupFailures, PARKED_STATES, type Span } from '@convergekit/inbox/operate';
import { CATEGORIES } from '@convergekit/core/engine';
import { z } from 'zod';
import { html, type Html } from '../../layout/html.ts';
import { actionLink, ago, dataTable, filterForm, unreadNote } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { where } from '../../present-sql.ts';
import { type FailureFilter, filtered, filterFields, parkedFilterOf } from './filter.ts';
import { hideErrors } from '../../payload.ts';
import { failureText, parkedState } from './parked-text.ts';
import { unreadSchema } from '../../databases.ts';

/** The sparklines show a day, unless the filter names a span. */
const DAY_MS = 86_400_000;
const BUCKETS = 24;
const MOST_GROUPS = 200;

const groupSchema = z.object({
  database: z.string(),
  consumer: z.string(),
  handler: z.string(),
  state: z.enum(PARKED_STATES),
  category: z.string().nullable(),
  code: z.string().nullable(),
  fingerprint: z.string().nullable(),
  shape: z.string().nullable(),
  structural: z.boolean(),
  events: z.number(),
  keys: z.number(),
  first: z.date(),
  last: z.date(),
  counts: z.array(z.number()),
});
type Group = z.output<typeof groupSchema>;

const answerSchema = z.object({
  groups: z.array(groupSchema),
  /** Groups that are not shown, since they have the fewest events. */
  left: z.number(),
  unread: unreadSchema,
});

/** Defines the list of failures, by handler, state and fingerprint. */
export function groupsPage({ view, databases, payloads }: ConsoleContext): void {
  view({
    path: '/failures',
    summary: 'Parked events and dead letters, grouped by handler and failure',
    input: z.object(filterFields),
    answer: answerSchema,
    read: async (filter, { now, visitor }) => {
      const span = spanOf(filter, now);
      const { rows, unread } = await databases.gather(
        where('converge.parked', (executor) => groupFailures(executor, parkedFilterOf(filter), span)),
        filter.database,
      );
      const sorted = rows.toSorted((a, b) => b.events - a.events);
      return {
        groups: hideErrors(sorted.slice(0, MOST_GROUPS), payloads, visitor).map((row) => ({
          ...row,
          counts: [...row.counts],
        })),
        left: Math.max(0, sorted.length - MOST_GROUPS),
        unread,
      };
    },
    page: ({ groups, left, unread }, { now }, filter) => ({
      title: 'Failures',
      body: html`${unreadNote(unread)} ${form(filter, databases.names)}
      ${tableOf(groups, filter, now, unread.length > 0)}
      ${left === 0 ? '' : html`<p class="note">${left} smaller groups are not shown: filter by consumer or code.</p>`}
      ${groups.length === 0 || filtered('', filter) === '' ? '' : html`<p>${actionLink(filtered('/failures/replay', filter), 'Retry all that match')}</p>`}`,
    }),
  });
}

function spanOf({ since, until }: FailureFilter, now: number): Span {
  const to = until ?? new Date(now);
  return { from: since ?? new Date(to.getTime() - DAY_MS), to, buckets: BUCKETS };
}

function form(filter: FailureFilter, databases: readonly string[]): Html {
  return filterForm('/failures', [
    { name: 'consumer', label: 'Consumer', value: filter.consumer },
    { name: 'state', label: 'State', value: filter.state, options: PARKED_STATES },
    { name: 'code', label: 'Code', value: filter.code },
    { name: 'key', label: 'Key', value: filter.key },
    { name: 'handler', label: 'Handler', value: filter.handler, more: true },
    { name: 'category', label: 'Category', value: filter.category, options: CATEGORIES, more: true },
    { name: 'since', label: 'Parked from (UTC)', value: filter.since?.toISOString(), more: true },
    { name: 'until', label: 'Parked before (UTC)', value: filter.until?.toISOString(), more: true },
    { name: 'database', label: 'Database', value: filter.database, options: databases, more: true },
  ]);
}

function tableOf(groups: readonly Group[], filter: FailureFilter, now: number, isPart: boolean): Html {
  const since = filter.since === undefined ? 'the last 24 hours' : 'the span of the filter';
  return dataTable({
    caption: 'Failures, the most frequent first',
    rows: groups,
    empty: isPart
      ? 'Nothing is known to have failed: not every database could be read.'
      : 'Nothing has failed: no event is parked, and there is no dead letter.',
    href: ({ database, consumer, handler, state, category, code, fingerprint }) =>
      filtered('/failures/keys', {
        ...filter,
        database,
        consumer,
        handler,
        state,
        category: category ?? undefined,
        code: code ?? undefined,
        fingerprint: fingerprint ?? undefined,
      }),
    columns: [
      { title: 'Failure', kind: 'wide', cell: (group) => failureText(group) },
      {
        title: 'Handler',
        kind: 'wide',
        cell: ({ consumer, handler }) => `${consumer} · ${handler.replace(/^saga:/, '')}`,
      },
      { title: 'State', cell: ({ state }) => parkedState(state) },
      { title: 'Events', kind: 'number', cell: ({ events }) => events },
      { title: 'Keys', kind: 'number', cell: ({ keys }) => keys },
      {
        title: filter.since === undefined ? 'Last 24 h' : 'In the span',
        cell: ({ counts, events }) => sparkline(counts, `${events} events over ${since}`),
      },
      { title: 'Last', cell: ({ last }) => ago(last, now) },
      { title: 'Database', cell: ({ database }) => database },
      { title: 'First', cell: ({ first }) => ago(first, now) },
    ],
  });
}

const WIDTH = 120;
const HEIGHT = 22;

/** Draws counts over time as bars; the tallest is as high as the picture. `label`: what it shows, read out. */
function sparkline(counts: readonly number[], label: string): Html {
  const most = Math.max(1, ...counts);
  const each = WIDTH / Math.max(1, counts.length);
  const bars = counts.flatMap((count, index) => {
    // A part with few events is still to be seen beside one with many.
    const height = count === 0 ? 0 : Math.max(2, Math.round((count / most) * HEIGHT));
    return height === 0
      ? []
      : [`M${(index * each).toFixed(1)} ${HEIGHT}v-${height}h${(each - 1).toFixed(1)}v${height}z`];
  });
  return html`<svg
    class="spark"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    width="${WIDTH}"
    height="${HEIGHT}"
    role="img"
    aria-label="${label}"
  >
    <path class="ground" d="M0 ${HEIGHT - 0.5}H${WIDTH}" />
    <path class="counts" d="${bars.join('')}" />
  </svg>`;
}
