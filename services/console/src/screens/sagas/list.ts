import { countInstances, INSTANCE_STATES } from '@convergekit/saga/operate';
import { z } from 'zod';
import { html, type Html, nothing } from '../../layout/html.ts';
import {
  actionLink,
  ago,
  dataTable,
  filterForm,
  nextPage,
  unreadNote,
  withQuery,
} from '../../layout/parts.ts';
import { sagaPath } from '../../links.ts';
import { hideErrors } from '../../payload.ts';
import type { ConsoleContext } from '../../screen.ts';
import { compare, LIMIT, pageOf } from '../cursor.ts';
import { where } from '../../present-sql.ts';
import { retryAllLink, sagaActPath } from './acts.ts';
import { findSagas } from './find-sagas.ts';
import { OPEN_STATES, STATE_CHOICES, statesOf } from '@convergekit/operate/saga';
import { type SagaSearch, searchSchema } from './search.ts';
import { stateOf } from './state.ts';
import { unreadSchema } from '../../databases.ts';

/** A count says "more than" from here on. */
const MOST_COUNTED = 1_000;

const rowSchema = z.object({
  database: z.string(),
  saga: z.string(),
  version: z.number(),
  instance: z.string(),
  key: z.string(),
  state: z.enum(INSTANCE_STATES),
  reason: z.string().nullable(),
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  changedAt: z.date(),
});
type Row = z.output<typeof rowSchema>;

const answerSchema = z.object({
  sagas: z.array(rowSchema),
  /** Those that have not ended, by state. */
  counts: z.array(z.object({ state: z.enum(INSTANCE_STATES), count: z.number(), more: z.boolean() })),
  /** The value of `after` for the next page. */
  next: z.string().optional(),
  unread: unreadSchema,
});

/** Defines the list of sagas. */
export function listPage({ view, databases, payloads }: ConsoleContext): void {
  view({
    path: '/sagas',
    summary: 'Sagas by state, what needs an operator first',
    input: searchSchema,
    answer: answerSchema,
    read: async (search, { now, visitor }) => {
      const { rows, unread } = await findSagas(databases, search, { now, limit: LIMIT });
      const order = statesOf(search);
      const sorted = rows.toSorted(
        (a, b) =>
          order.indexOf(a.state) - order.indexOf(b.state) ||
          compare(BigInt(b.cursor.changedAt), BigInt(a.cursor.changedAt)),
      );
      const { page, next } = pageOf(sorted, ({ cursor }) => ({ ...cursor }));
      return { sagas: hideErrors(page, payloads, visitor), counts: await counts(), next, unread };
    },
    page: ({ sagas, counts: open, next, unread }, { now, url }, search) => ({
      title: 'Sagas',
      body: html`${unreadNote(unread)} ${tabs(open, search)} ${filter(search)} ${tableOf(sagas, now)}
      ${retryAllLink(search, sagas.length)} ${pauseLink(search, sagas.length)}
      ${nextPage(next, (after) => withQuery(url.pathname, { ...search, after }))}`,
    }),
  });

  async function counts(): Promise<z.input<typeof answerSchema>['counts']> {
    const { rows } = await databases.gather(
      where('converge.saga_instance', async (executor) => {
        const found = await countInstances(executor, OPEN_STATES, MOST_COUNTED);
        return [...found].map(([state, count]) => ({ state, count }));
      }),
    );
    return OPEN_STATES.map((state) => {
      const own = rows.filter((row) => row.state === state);
      const count = own.reduce((sum, row) => sum + row.count, 0);
      return { state, count, more: own.some((row) => row.count >= MOST_COUNTED) };
    });
  }
}

/** The link to pause the saga that is searched for; nothing without one. */
function pauseLink({ saga }: SagaSearch, rows: number): Html {
  if (saga === undefined || rows === 0) return nothing;
  return html`<p>${actionLink(sagaActPath('pause', { saga }), `Pause all of ${saga}`)}</p>`;
}

function tabs(counts: z.output<typeof answerSchema>['counts'], search: SagaSearch): Html {
  const chosen = search.state ?? (statesOf(search).length === OPEN_STATES.length ? 'open' : 'any');
  const tab = (state: (typeof STATE_CHOICES)[number], text: string): Html =>
    html`<a href="${withQuery('/sagas', { state })}" ${state === chosen ? html`aria-current="true"` : nothing}
      >${text}</a
    >`;
  return html`<nav class="tabs" aria-label="Sagas by state">
    ${tab('open', 'all open')}
    ${counts.map(({ state, count, more }) => tab(state, `${state} ${count}${more ? '+' : ''}`))}
    ${tab('compensated', 'compensated')} ${tab('completed', 'completed')} ${tab('any', 'whole history')}
    <a href="/sagas/graph">graphs</a>
  </nav>`;
}

function filter({ state, saga, step, attempts, older, reason, key, id, trace }: SagaSearch): Html {
  return filterForm('/sagas', [
    { name: 'state', label: 'State', value: state, options: STATE_CHOICES },
    { name: 'key', label: 'Key', value: key },
    { name: 'saga', label: 'Saga', value: saga },
    { name: 'reason', label: 'Reason contains', value: reason },
    { name: 'step', label: 'Open step', value: step, more: true },
    {
      name: 'attempts',
      label: 'Attempts, at least',
      more: true,
      value: attempts === undefined ? undefined : `${attempts}`,
    },
    { name: 'older', label: 'Open longer than, as 30m', value: older, more: true },
    { name: 'id', label: 'Saga id', value: id, more: true },
    { name: 'trace', label: 'Trace id', value: trace, more: true },
  ]);
}

function tableOf(rows: readonly Row[], now: number): Html {
  return dataTable({
    caption: 'Sagas, what needs an operator first, then the latest change',
    rows,
    empty: 'No saga matches. Sagas are listed where a consumer with `sagaObserver` keeps them.',
    href: ({ instance }) => sagaPath(instance),
    columns: [
      { title: 'Saga', cell: ({ saga, version }) => `${saga} v${version}` },
      { title: 'Key', kind: 'code', cell: ({ key }) => key },
      { title: 'State', cell: ({ state }) => stateOf(state) },
      { title: 'Why', kind: 'wide', cell: ({ reason }) => reason },
      { title: 'Started', cell: ({ startedAt }) => ago(startedAt, now) },
      { title: 'Last change', cell: ({ changedAt }) => ago(changedAt, now) },
      { title: 'Id', kind: 'code', cell: ({ instance }) => instance },
    ],
  });
}
