import { PARKED_STATES } from '@convergekit/inbox/operate';
import { groups as list } from '@convergekit/operate/parked';
import { CATEGORIES } from '@convergekit/core/engine';
import { z } from 'zod';
import { html, type Html } from '../../layout/html.ts';
import { actionLink, ago, dataTable, filterForm, unreadNote } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { where } from '../../present-sql.ts';
import { type FailureFilter, filtered, filterIn, filterSchema, retryAllPath } from './filter.ts';
import { readableIn } from '../../routes/act.ts';
import { hideErrors } from '../../payload.ts';
import { failureText, parkedState } from './parked-text.ts';
import { unreadSchema } from '../../databases.ts';

const MOST_GROUPS = 200;
const WHOLE = { limit: Infinity, after: undefined };

const groupSchema = list.row.extend({ database: z.string() });
type Group = z.output<typeof groupSchema>;

const answerSchema = z.object({
  groups: z.array(groupSchema),
  /** Groups that are not shown, since they have the fewest events. */
  left: z.number(),
  unread: unreadSchema,
});

/** Defines the list of failures, by handler, state and fingerprint. */
export function groupsPage(context: ConsoleContext): void {
  const { view, databases, payloads } = context;
  view({
    path: '/parked',
    summary: 'Parked events and dead letters, grouped by handler and failure',
    input: filterSchema,
    answer: answerSchema,
    read: async (given, { visitor }) => {
      const reads = await readableIn(context, list, filterIn(given).database);
      const { rows, unread } = await databases.gather(
        where(list.tables.table, async (executor) => {
          const database = reads.databases.find((one) => one.executor === executor);
          return database === undefined ? [] : list.find(reads, database, filterIn(given), WHOLE);
        }),
        filterIn(given).database,
      );
      const sorted = rows.toSorted((a, b) => b.events - a.events);
      return {
        groups: hideErrors(sorted.slice(0, MOST_GROUPS), payloads, visitor),
        left: Math.max(0, sorted.length - MOST_GROUPS),
        unread,
      };
    },
    page: ({ groups, left, unread }, { now }, filter) => ({
      title: 'Failures',
      body: html`${unreadNote(unread)} ${form(filterIn(filter), databases.names)}
      ${tableOf(groups, filterIn(filter), now, unread.length > 0)}
      ${left === 0 ? '' : html`<p class="note">${left} smaller groups are not shown: filter by consumer or code.</p>`}
      ${groups.length === 0 || filtered('', filterIn(filter)) === '' ? '' : html`<p>${actionLink(retryAllPath(filterIn(filter)), 'Retry all that match')}</p>`}`,
    }),
  });
}

function form(filter: FailureFilter, databases: readonly string[]): Html {
  return filterForm('/parked', [
    { name: 'consumer', label: 'Consumer', value: filter.consumer },
    { name: 'state', label: 'State', value: filter.state[0], options: PARKED_STATES },
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
      filtered('/parked/keys', filter, { database, consumer, handler, state, category, code, fingerprint }),
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
