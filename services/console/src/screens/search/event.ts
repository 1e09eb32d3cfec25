import { readHistory } from '@convergekit/cli/operate';
import { z } from 'zod';
import { type ConsoleDatabase, unreadSchema } from '../../databases.ts';
import { notFound } from '../../errors.ts';
import { html, nothing } from '../../layout/html.ts';
import { actionLink, unreadNote } from '../../layout/parts.ts';
import { hideErrors, shownPayload } from '../../payload.ts';
import type { ConsoleContext, PageContent } from '../../screen.ts';
import { historyPart } from './parts.ts';
import { actsAbout, shownHistory, unreadOf } from './read-search.ts';
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

const REACH = { minutes: 10, whole: false, onWhole: () => undefined };

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
      const readable = databases.all.filter(({ name }) => unread.every(({ database }) => database !== name));
      const history = await readHistory(readable, id, REACH);
      if (history.entries.length === 0 && acts.rows.length === 0)
        throw notFound(unknownText(id, databases.names));
      const text = await payloadOf(readable, history.emitted);
      const shown = text === undefined ? undefined : shownPayload(text, payloads);
      return {
        ...{ id, acts: acts.rows, unread, mayOpen: payloads === 'full' && text !== undefined },
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
      const { emitted } = await readHistory(databases.all, id, REACH);
      const payload = await payloadOf(databases.all, emitted);
      const database = databases.all.find(({ name }) => name === emitted?.database);
      if (payload === undefined || database === undefined)
        throw notFound(`the outbox row of event ${id} is not in these databases, or not retained`);
      return { database, eventId: id, subject: `event ${id}`, payload };
    },
  });
}

type Emitted = Awaited<ReturnType<typeof readHistory>>['emitted'];

async function payloadOf(all: readonly ConsoleDatabase[], emitted: Emitted): Promise<string | undefined> {
  const database = all.find(({ name }) => name === emitted?.database);
  if (database === undefined || emitted === undefined || emitted.position === null) return undefined;
  return readPayload(database.executor, emitted.position.id, emitted.eventId);
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
