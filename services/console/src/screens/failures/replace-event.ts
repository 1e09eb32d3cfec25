import { exportsOf, isEvent } from '@convergekit/cli/operate';
import { readParked, replaceParked } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { invalidInput } from '../../errors.ts';
import { html } from '../../layout/html.ts';
import { shownPayload } from '../../payload.ts';
import type { ConsoleContext } from '../../screen.ts';
import { refusing } from '../refusing.ts';
import { afterCompensationField, chosenOf, consentOf, reportedText } from './after-compensation.ts';
import { gone } from './event.ts';

const place = { database: z.string(), id: z.uuid() };

/** Defines the action that replaces a dead letter by a new event, checked against its declared contract. */
export function replaceAction({ action, databases, payloads, settings }: ConsoleContext): void {
  action({
    path: '/failures/events/:database/:id/replace',
    title: 'Replace by a new event',
    summary: 'Replace a dead letter by a new event with other data, for the handler that failed',
    input: z.object({ ...place, ...afterCompensationField, payload: z.string().max(1_000_000).optional() }),
    preview: async ({ database, id, ...given }) => {
      const found = await readParked(databases.get(database).executor, id);
      if (found === undefined) throw gone(database, id);
      const isDead = found.state === 'dead' || found.state === 'rejected';
      const ended = isDead ? found.closed : 'only a dead letter is replaced';
      const reported = ended === null && found.failureEvent !== null ? 1 : 0;
      const consent = consentOf(reported, given);
      const why = ended ?? (consent === undefined ? null : reportedText);
      return {
        eligible: why === null ? 1 : 0,
        unit: `dead letter, ${found.type ?? 'unreadable'} of ${found.key}`,
        ...(why !== null && { others: [{ count: 1, why }] }),
        effect: `A new event, with an id of its own and this one as its cause, takes its place in the line of its key. It goes to ${found.consumer} alone: it is not published, and other consumers keep what they made of the first. The data is checked against the declared contract before anything is written.`,
        consent,
      };
    },
    fields: async ({ database, id }) => {
      const found = await readParked(databases.get(database).executor, id);
      const text = found === undefined ? '' : ((found.edited ?? found.payload)?.toString('utf8') ?? '');
      return html`<p class="quiet">The shape of the dead letter:</p>
        <pre tabindex="0">${shownPayload(text, payloads) ?? 'not shown'}</pre>
        <label
          >Data of the new event, as JSON
          <textarea name="payload" rows="8" required spellcheck="false"></textarea>
        </label>`;
    },
    run: async ({ database, id, payload, ...given }, { user, reason }) => {
      if (payload === undefined) throw invalidInput('give the data of the new event');
      const { modules } = settings.console;
      const events = (await Promise.all(modules.map((module) => exportsOf(module, 'settings')))).flat();
      const opened = databases.get(database).database;
      const options = { events: events.filter(isEvent), ...chosenOf(given) };
      const made = await refusing(() => replaceParked(opened, id, payload, { by: user, reason }, options));
      return {
        text: `It is replaced by event ${made.eventId}, which is due now`,
        changed: 1,
        href: `/failures/events/${encodeURIComponent(database)}/${id}`,
      };
    },
  });
}
