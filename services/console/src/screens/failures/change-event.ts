import { editParked, readParked, retryParked, skipParked, UNREPORTED } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { invalidInput } from '../../errors.ts';
import { html } from '../../layout/html.ts';
import { shownPayload } from '../../payload.ts';
import type { ConsoleContext } from '../../screen.ts';
import { refusing } from '../refusing.ts';
import { afterCompensationField, chosenOf, consentOf, reportedText } from './after-compensation.ts';
import { gone } from './event.ts';

const place = { database: z.string(), id: z.uuid() };

type Place = Readonly<Record<keyof typeof place, string>>;

const pathOf = ({ database, id }: Place): string => `/failures/events/${encodeURIComponent(database)}/${id}`;

/** Defines the action that puts a payload in the place of an event's own, and replays it. */
export function editAction({ action, databases, payloads }: ConsoleContext): void {
  action({
    path: '/failures/events/:database/:id/edit',
    title: 'Edit and replay',
    summary: 'Replace the payload of a parked event, and retry it; the original bytes are kept',
    input: z.object({ ...place, ...afterCompensationField, payload: z.string().max(1_000_000).optional() }),
    preview: async ({ database, id, ...given }) => {
      const found = await readParked(databases.get(database).executor, id);
      if (found === undefined) throw gone(database, id);
      const ended = found.closed ?? (found.state === 'superseded' ? 'its saga undid it' : undefined);
      const reported = ended === undefined && found.failureEvent !== null ? 1 : 0;
      const consent = consentOf(reported, given);
      const why = ended ?? (consent && reportedText);
      return {
        eligible: why === undefined ? 1 : 0,
        unit: `event, ${found.type ?? 'unreadable'} of ${found.key}`,
        ...(why !== undefined && { others: [{ count: 1, why }] }),
        effect:
          'From the next attempt on its handler gets the payload below. The event keeps its id, and the bytes as they came stay with it; who changed it, and into what, is in the audit.',
        consent,
      };
    },
    fields: async ({ database, id }) => {
      const found = await readParked(databases.get(database).executor, id);
      const text = found === undefined ? '' : ((found.edited ?? found.payload)?.toString('utf8') ?? '');
      return html`<p class="quiet">Its shape now:</p>
        <pre tabindex="0">${shownPayload(text, payloads) ?? 'not shown'}</pre>
        <label
          >The new payload, as JSON <textarea name="payload" rows="8" required spellcheck="false"></textarea>
        </label>`;
    },
    run: async ({ database, id, payload, ...given }, { user, reason }) => {
      const operator = { by: user, reason };
      const opened = databases.get(database).database;
      const bytes = Buffer.from(jsonText(payload));
      await refusing(() => editParked(opened, id, bytes, operator));
      await refusing(() => retryParked(opened, id, operator, chosenOf(given)));
      return {
        text: 'The event has the new payload, and is due now',
        changed: 1,
        href: pathOf({ database, id }),
      };
    },
  });
}

function jsonText(payload: string | undefined): string {
  try {
    JSON.parse(payload ?? '');
    return payload ?? '';
  } catch (error) {
    throw invalidInput(`the new payload is no JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

/** Defines the action that skips one event for good. */
export function skipAction({ action, databases }: ConsoleContext): void {
  action({
    path: '/failures/events/:database/:id/skip',
    title: 'Skip the event',
    summary: 'Skip a parked event for good: it stays on record, and its key continues',
    input: z.object({ ...place, unreported: z.literal('yes').optional() }),
    preview: async ({ database, id, unreported }) => {
      const found = await readParked(databases.get(database).executor, id);
      const holds = found?.state === 'dead' || found?.state === 'waiting';
      const silent = holds && found.failureEvent === null && unreported !== 'yes';
      const why = holds ? UNREPORTED : 'it does not hold its key, so there is nothing to skip';
      return {
        eligible: holds && !silent ? 1 : 0,
        unit: 'event',
        ...((silent || !holds) && { others: [{ count: 1, why }] }),
        ...(silent && { consent: { field: 'unreported', value: 'yes', label: 'Skip it all the same' } }),
        effect: 'It never takes effect. It stays on record, and the events behind it in its key continue.',
      };
    },
    run: async ({ database, id, unreported }, { user, reason }) => {
      const how = { unreported: unreported === 'yes' };
      await refusing(() => skipParked(databases.get(database).database, id, { by: user, reason }, how));
      return {
        text: 'The event is skipped, and its key continues',
        changed: 1,
        href: pathOf({ database, id }),
      };
    },
  });
}
