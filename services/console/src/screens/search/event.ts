import { type History, readHistory } from '@convergekit/operate';
import { z } from 'zod';
import { type ConsoleDatabase, unreadOf, unreadSchema } from '../../databases.ts';
import { notFound } from '../../errors.ts';
import { html, nothing } from '../../layout/html.ts';
import { actionLink, unreadNote } from '../../layout/parts.ts';
import { hideErrors, shownPayload } from '../../payload.ts';
import type { ConsoleContext, PageContent } from '../../screen.ts';
import { historyPart } from './parts.ts';
import { actsAbout, historyOf, shownHistory } from './read-search.ts';
import { actSchema, historySchema } from './schemas.ts';
import { readPayload } from './search-sql.ts';

const input = z.object({ id: z.string().min(1).max(200) });

const eventSchema = z.object({
  id: z.string(),
  history: historySchema,
  acts: z.array(actSchema),
  /** As the settings permit; absent: not shown, or its row is not retained. */
  payload: z.string().optional(),
  /** True where a signed-in user may see it in full. */
  mayOpen: z.boolean(),
  unread: unreadSchema,
});

/** The page of an event: all that happened to it in every database, and who acted on it. */
export function eventRoutes(context: ConsoleContext): void {
  const { view, look, databases, payloads } = context;
  view({
    path: '/events/:id',
    summary: 'Everything that is known of an event: its attempts, waits, answers, and the acts of operators',
    input,
    answer: eventSchema,
    read: async ({ id }, { visitor }) => {
      const acts = await databases.gather((executor) => actsAbout(executor, id));
      const unread = unreadOf(acts);
      const history = await historyOf(databases, id, unread);
      if (history.entries.length === 0 && acts.rows.length === 0)
        throw notFound(unknownText(id, databases.names));
      const found = await findPayload(databases.all, history.emitted);
      const shown = found && shownPayload(found.payload, payloads);
      return {
        id,
        acts: acts.rows,
        unread,
        mayOpen: payloads === 'full' && found !== undefined,
        history: shownHistory(hideErrors(history, payloads, visitor)),
        ...(shown !== undefined && { payload: shown }),
      };
    },
    page: eventPage,
  });
  look({
    path: '/events/:id/payload',
    summary: 'The payload of an event in full; the look is audited',
    input,
    read: async ({ id }) => {
      const { emitted } = await readHistory(databases.all, id);
      const found = await findPayload(databases.all, emitted);
      if (found === undefined)
        throw notFound(`the outbox row of event ${id} is not in these databases, or not retained`);
      const record = { act: 'payload look', subject: id } as const;
      return { ...found, of: {}, record, subject: `event ${id}` };
    },
  });
}

/** Reads the payload of an event's outbox row, with its database; undefined where no row is retained. */
async function findPayload(
  all: readonly ConsoleDatabase[],
  emitted: History['emitted'],
): Promise<{ readonly database: ConsoleDatabase; readonly payload: string } | undefined> {
  const database = all.find(({ name }) => name === emitted?.database);
  if (database === undefined || emitted === undefined || emitted.position === null) return undefined;
  const payload = await readPayload(database.executor, emitted.position.id, emitted.eventId);
  return payload === undefined ? undefined : { database, payload };
}

function unknownText(id: string, names: readonly string[]): string {
  return `event ${id} is not known in ${names.join(', ')}: neither emitted, tried, parked nor recorded there. An event that was applied at once is known only while its outbox row is retained`;
}

function eventPage({ id, history, payload, mayOpen, unread }: z.output<typeof eventSchema>): PageContent {
  const body = html`${unreadNote(unread)}
  ${historyPart({ ...history, head: history.head.replace(`event ${id}: `, '') })}
  ${
    payload === undefined
      ? nothing
      : html`<h2>Payload</h2>
          <pre tabindex="0" aria-label="Payload">${payload}</pre>
          ${mayOpen ? html`<p>${actionLink(`/events/${encodeURIComponent(id)}/payload`, 'See it in full')}</p>` : nothing}`
  }`;
  return { title: `Event ${id}`, body };
}
