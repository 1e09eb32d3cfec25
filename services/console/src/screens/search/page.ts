import { html, type Html, nothing } from '../../layout/html.ts';
import { ago, dataTable, due, state, unreadNote, withQuery } from '../../layout/parts.ts';
import { eventPath, sagaPath } from '../../links.ts';
import type { PageContent } from '../../screen.ts';
import { parkedState } from '../parked/parked-text.ts';
import { stateOf } from '../sagas/state.ts';
import { actsTable, historyPart } from './parts.ts';
import type { SearchAnswer } from './schemas.ts';

/** The page of a search: why it is not done, then all that is known, by kind. */
export function searchPage(answer: SearchAnswer, now: number): PageContent {
  const { query, kind, unread } = answer;
  if (kind === 'none') return { title: 'Search', body: intro() };
  const parts = [
    whyPart(answer),
    eventsPart(answer, now),
    parkedPart(answer, now),
    sagasPart(answer, now),
    openPart(answer, now),
    driftPart(answer, now),
    actsTable(answer.acts, 'Acts of operators'),
  ];
  const found = [answer.events, answer.parked, answer.sagas, answer.open, answer.drift, answer.acts].some(
    ({ length }) => length > 0,
  );
  const body = html`${unreadNote(unread)}
  ${
    answer.history === undefined
      ? nothing
      : html`<h2>Event</h2>
          ${historyPart(answer.history)}
          <p><a href="${eventPath(query)}">The page of this event</a></p>`
  }
  ${parts}
  ${found || answer.history !== undefined ? nothing : html`<p class="empty">Nothing is known of it in these databases.</p>`}
  ${
    answer.searchedRows === undefined
      ? nothing
      : html`<p class="quiet">
          By key, id and trace the newest ${answer.searchedRows.toLocaleString('en')} rows of each outbox were
          searched, <code>converge outbox list</code> reads all; by fields to search by, all were.
        </p>`
  }`;
  return { title: `Search: ${query}`, body };
}

function intro(): Html {
  return html`<form action="/search" method="get" class="stacked">
      <label
        >Event id, key, value of a field to search by, saga id, trace id or position
        <input name="q" required autocomplete="off" spellcheck="false"
      /></label>
      <button type="submit">Search</button>
    </form>
    <p class="quiet">All databases are searched at once. From any page, press <kbd>/</kbd>.</p>`;
}

function whyPart({ why, kind, unread }: SearchAnswer): Html {
  if (why.length === 0)
    return kind === 'key' && unread.length === 0
      ? html`<p>${state('ok', 'Nothing of this key waits')}</p>`
      : nothing;
  return html`<h2>Why it is not done</h2>
    <ul class="why">
      ${why.map(
        ({ needs, text, href }) =>
          html`<li>
            ${needs ? state('needs', 'needs you') : state('waits', 'waits')}
            ${href === undefined ? text : html`<a href="${href}">${text}</a>`}
          </li>`,
      )}
    </ul>`;
}

function eventsPart({ events, kind, query, hasLog }: SearchAnswer, now: number): Html {
  const topics = [...new Set(events.map(({ topic }) => topic))];
  return html`${dataTable<SearchAnswer['events'][number]>({
    heading: 'Events',
    caption: 'In the outboxes, the newest first',
    rows: events,
    href: ({ eventId }) => eventPath(eventId),
    columns: [
      { title: 'Event', kind: 'code', cell: ({ eventId }) => eventId },
      { title: 'Type', cell: ({ type }) => type },
      { title: 'Topic', cell: ({ topic }) => topic },
      { title: 'Key', kind: 'code', cell: ({ key }) => key },
      { title: 'Emitted', cell: ({ at }) => ago(at, now) },
      {
        title: 'State',
        cell: ({ published }) => (published ? state('ok', 'published') : state('waits', 'not published')),
      },
      { title: 'Repeats', kind: 'code', cell: ({ replayOf }) => replayOf },
      { title: 'Database', cell: ({ database }) => database },
    ],
  })}
  ${
    kind === 'key' && hasLog
      ? topics.map(
          (topic) =>
            html`<p>
              <a href="${withQuery('/search/log', { topic, key: query })}"
                >Records and duplicates in the log of ${topic}</a
              >
            </p>`,
        )
      : nothing
  }`;
}

function parkedPart({ parked }: SearchAnswer, now: number): Html {
  return dataTable<SearchAnswer['parked'][number]>({
    heading: 'Parked events and dead letters',
    caption: 'At the consumers, the oldest first',
    rows: parked,
    href: ({ eventId }) => (eventId === null ? undefined : eventPath(eventId)),
    columns: [
      { title: 'Consumer', cell: ({ consumer }) => consumer },
      { title: 'State', cell: (row) => parkedState(row.state) },
      { title: 'Since', cell: ({ since }) => ago(since, now) },
      { title: 'Code', kind: 'code', cell: ({ code }) => code },
      { title: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
      { title: 'Next attempt', cell: ({ nextAt }) => due(nextAt, now) },
      { title: 'Database', cell: ({ database }) => database },
    ],
  });
}

function sagasPart({ sagas }: SearchAnswer, now: number): Html {
  return dataTable<SearchAnswer['sagas'][number]>({
    heading: 'Sagas',
    caption: 'As their observers see them, the latest change first',
    rows: sagas,
    href: ({ instance }) => sagaPath(instance),
    columns: [
      { title: 'Saga', cell: ({ saga, instance }) => html`${saga} <span class="code">${instance}</span>` },
      { title: 'State', cell: (row) => stateOf(row.state) },
      { title: 'Began', cell: ({ startedAt }) => ago(startedAt, now) },
      { title: 'Changed', cell: ({ changedAt }) => ago(changedAt, now) },
      { title: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
    ],
  });
}

function openPart({ open }: SearchAnswer, now: number): Html {
  return dataTable<SearchAnswer['open'][number]>({
    heading: 'Open steps and calls',
    caption: 'Begun, and without an outcome yet',
    rows: open,
    href: ({ kind, id }) => (kind === 'step' ? sagaPath(id) : undefined),
    columns: [
      {
        title: 'What',
        cell: ({ kind, name, step }) => (kind === 'step' ? `${step ?? '?'} of ${name}` : name),
      },
      { title: 'State', cell: (row) => state(row.state === 'stuck' ? 'needs' : 'waits', row.state) },
      { title: 'Since', cell: ({ since }) => ago(since, now) },
      { title: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
      { title: 'Database', cell: ({ database }) => database },
    ],
  });
}

function driftPart({ drift }: SearchAnswer, now: number): Html {
  return dataTable<SearchAnswer['drift'][number]>({
    heading: 'Reconcilers',
    caption: 'That have the key in their queue',
    rows: drift,
    href: ({ reconciler, database }) => withQuery('/drift', { database, reconciler }),
    columns: [
      { title: 'Reconciler', cell: ({ reconciler }) => reconciler },
      { title: 'State', cell: (row) => state(row.state === 'terminal' ? 'needs' : 'waits', row.state) },
      { title: 'Next look', cell: ({ nextAt }) => due(nextAt, now) },
      { title: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
    ],
  });
}
