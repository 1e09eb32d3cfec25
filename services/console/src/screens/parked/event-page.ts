import { PARKED_STATES } from '@convergekit/inbox/operate';
import { edit, replace, retry, skip } from '@convergekit/operate/parked';
import type { Act } from '@convergekit/operate/registry';
import { z } from 'zod';
import { html, type Html, nothing } from '../../layout/html.ts';
import { actionLink, dataTable, facts, moment, withQuery } from '../../layout/parts.ts';
import { actPath } from '../../routes/act.ts';
import { eventPath, parkedPath } from '../../links.ts';
import { parkedState } from './parked-text.ts';

/** A parked event, as its page and the API show it. */
export const parkedEventSchema = z.object({
  database: z.string(),
  id: z.string(),
  consumer: z.string(),
  handler: z.string(),
  topic: z.string(),
  partition: z.number(),
  offset: z.string(),
  key: z.string(),
  eventId: z.string().nullable(),
  type: z.string().nullable(),
  state: z.enum(PARKED_STATES),
  run: z.number(),
  category: z.string().nullable(),
  certainty: z.string().nullable(),
  code: z.string().nullable(),
  reason: z.string().nullable(),
  parkedAt: z.date(),
  nextAt: z.date().nullable(),
  failureEvent: z.string().nullable(),
  /** Why a retry is refused. */
  closed: z.string().nullable(),
  note: z.string().nullable(),
  headers: z.array(z.object({ name: z.string(), value: z.string() })),
  /** The payload as far as the console may show it; absent: nothing of it. */
  payload: z.string().optional(),
  /** What an operator put in its place, as far as it may be shown. */
  edited: z.string().optional(),
  attempts: z.array(
    z.object({
      number: z.number(),
      at: z.string(),
      durationMs: z.number(),
      category: z.string(),
      certainty: z.string(),
      code: z.string(),
      message: z.string(),
      outcome: z.string(),
    }),
  ),
  audit: z.array(z.object({ at: z.date(), act: z.string(), by: z.string(), reason: z.string() })),
});
export type ParkedEvent = z.output<typeof parkedEventSchema>;

/** The page of one parked event. `inFull`: a signed-in user may see its payload in full. */
export function parkedEventPage(event: ParkedEvent, inFull: boolean): Html {
  const { database, id, closed, note, state } = event;
  const path = parkedPath(event);
  return html`${factsOf(event)}
    ${
      event.code === null
        ? html`<p class="note">It was not attempted: it waits behind another event of its key.</p>`
        : html`<p class="note">
            <strong>${event.category} ${event.code}</strong> (${event.certainty}): ${event.reason}
          </p>`
    }
    ${closed === null ? nothing : html`<p class="note needs">It cannot be retried: ${closed}</p>`}
    ${note === null ? nothing : html`<p class="note">${note}</p>`}
    <p>
      ${ACTS.filter(({ name }) => name !== replace.name || state === 'dead' || state === 'rejected').map((act) => actionLink(withQuery(actPath(act.name), { database, [idOf(act)]: id }), act.title))}
      ${inFull ? actionLink(`${path}/payload`, 'See its payload in full') : nothing}
    </p>
    ${attemptsTable(event)}
    <h2>Payload</h2>
    ${payloadOf(event)} ${recordTables(event)}`;
}

/** What an operator can do about one event. */
const ACTS = [retry, edit, replace, skip];
const idOf = ({ input }: Act): string => ('id' in input ? 'id' : 'ids');

function payloadOf({ payload, edited }: ParkedEvent): Html {
  if (payload === undefined)
    return html`<p class="quiet">Nothing of it is shown: see CONVERGE__CONSOLE__PAYLOADS.</p>`;
  return html`<pre tabindex="0">${payload}</pre>
    ${
      edited === undefined
        ? nothing
        : html`<h3>Edited: what is applied instead</h3>
            <pre tabindex="0">${edited}</pre>`
    }`;
}

function attemptsTable({ attempts }: ParkedEvent): Html {
  return dataTable({
    caption: 'Attempts of this run',
    rows: attempts,
    empty: 'No attempt in this run yet.',
    columns: [
      { title: 'Attempt', kind: 'number', cell: ({ number }) => number },
      { title: 'When', cell: ({ at }) => moment(new Date(at)) },
      { title: 'Took', kind: 'number', cell: ({ durationMs }) => `${durationMs} ms` },
      { title: 'Failure', cell: ({ category, code, certainty }) => `${category} ${code} (${certainty})` },
      { title: 'Message', kind: 'wide', cell: ({ message }) => message },
      { title: 'Then', cell: ({ outcome }) => outcome },
    ],
  });
}

function factsOf(event: ParkedEvent): Html {
  const { key, consumer, handler, topic, partition, offset, eventId, state, run } = event;
  return facts([
    ['State', parkedState(state)],
    ['Handler', `${consumer} · ${handler.replace(/^saga:/, '')}`],
    ['Place', `${topic}/${partition} at ${offset}`],
    ['Event', eventId === null ? '–' : html`<a href="${eventPath(eventId)}">${eventId}</a>`],
    ['Key', html`<a href="/search?q=${encodeURIComponent(key)}">${key}</a>`],
    ['Run', run],
    ['Parked', moment(event.parkedAt)],
    ['Next attempt', moment(event.nextAt)],
  ]);
}

function recordTables(event: ParkedEvent): Html {
  return html`${dataTable({
    caption: 'Headers',
    rows: event.headers,
    empty: 'No headers are kept: the record is still in the log.',
    columns: [
      { title: 'Header', kind: 'code', cell: ({ name }) => name },
      { title: 'Value', kind: 'code', cell: ({ value }) => value },
    ],
  })}
  ${dataTable({
    caption: 'What operators did',
    rows: event.audit,
    empty: 'No operator has acted on it.',
    columns: [
      { title: 'When', cell: ({ at }) => moment(at) },
      { title: 'Who', cell: ({ by }) => by },
      { title: 'What', cell: ({ act }) => act },
      { title: 'Why', kind: 'wide', cell: ({ reason }) => reason },
    ],
  })}`;
}
