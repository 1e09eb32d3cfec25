import { listParked, PARKED_STATES } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { html } from '../../layout/html.ts';
import { actionLink, ago, dataTable, nextPage, unreadNote } from '../../layout/parts.ts';
import { parkedPath } from '../../links.ts';
import type { ConsoleContext } from '../../screen.ts';
import { compare, LIMIT, pageOf, readCursor } from '../cursor.ts';
import { where } from '../../present-sql.ts';
import { filtered, filterFields, parkedFilterOf } from './filter.ts';
import { hideErrors } from '../../payload.ts';
import { parkedState } from './parked-text.ts';
import { unreadSchema } from '../../databases.ts';

const lineSchema = z.object({
  database: z.string(),
  id: z.string(),
  consumer: z.string(),
  topic: z.string(),
  key: z.string(),
  state: z.enum(PARKED_STATES),
  run: z.number(),
  type: z.string().nullable(),
  eventId: z.string().nullable(),
  code: z.string().nullable(),
  reason: z.string().nullable(),
  parkedAt: z.date(),
});
const answerSchema = z.object({
  events: z.array(lineSchema),
  next: z.string().optional(),
  unread: unreadSchema,
});

const cursor = z.object({ parkedAt: z.string().regex(/^\d{1,18}$/), id: z.uuid() });

/** Defines the list of parked events. */
export function eventsPage({ view, databases, payloads }: ConsoleContext): void {
  view({
    path: '/failures/events',
    summary: 'Parked events that match, in the order of parking',
    input: z.object({ ...filterFields, after: z.string().optional() }),
    answer: answerSchema,
    read: async (filter, { visitor }) => {
      const after = readCursor(filter.after, cursor);
      const { rows, unread } = await databases.gather(
        where('converge.parked', (executor) => listParked(executor, parkedFilterOf(filter), LIMIT, after)),
        filter.database,
      );
      const sorted = rows.toSorted(
        (a, b) => compare(BigInt(a.cursor.parkedAt), BigInt(b.cursor.parkedAt)) || compare(a.id, b.id),
      );
      const { page, next } = pageOf(sorted, ({ cursor: at }) => ({ ...at }));
      return { events: hideErrors(page, payloads, visitor), next, unread };
    },
    page: ({ events, next, unread }, { now }, filter) => ({
      title: filter.key === undefined ? 'Parked events' : `Parked events of ${filter.key}`,
      body: html`${unreadNote(unread)}
        <p>
          ${events.length === 0 ? '' : actionLink(filtered('/failures/replay', filter), 'Retry all that match')}
        </p>
        ${dataTable({
          caption: 'Parked events, in the order of parking',
          rows: events,
          empty: 'No parked event matches: it was applied meanwhile.',
          href: parkedPath,
          columns: [
            { title: 'Type', cell: ({ type }) => type ?? 'unreadable' },
            { title: 'Key', kind: 'code', cell: ({ key }) => key },
            { title: 'State', cell: ({ state }) => parkedState(state) },
            { title: 'Run', kind: 'number', cell: ({ run }) => run },
            {
              title: 'Failure',
              kind: 'wide',
              cell: ({ code, reason }) => (code === null ? '' : `${code}: ${reason ?? ''}`),
            },
            { title: 'Parked', cell: ({ parkedAt }) => ago(parkedAt, now) },
            { title: 'Consumer', cell: ({ consumer }) => consumer },
          ],
        })}
        ${nextPage(next, (after) => filtered('/failures/events', filter, { after }))}`,
    }),
  });
}
