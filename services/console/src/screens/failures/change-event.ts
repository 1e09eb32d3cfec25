import { editParked, replaceParked, retryParked, skipParked, UNREPORTED } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { invalidInput } from '../../errors.ts';
import { html, type Html } from '../../layout/html.ts';
import { parkedPath } from '../../links.ts';
import { shownPayload } from '../../payload.ts';
import type { Preview } from '../../routes/action-definition.ts';
import type { ConsoleContext } from '../../screen.ts';
import {
  afterCompensationField,
  type AfterCompensationField,
  chosenOf,
  consentOf,
} from './after-compensation.ts';
import { concernedOf, findEvent, type FoundEvent, requireEvent } from './event.ts';

const place = { database: z.string(), id: z.uuid() };

/** An event, and what takes the place of its data. */
const change = z.object({
  ...place,
  ...afterCompensationField,
  payload: z.string().max(1_000_000).optional(),
});

/** Previews the change of one event. `ended`: why it cannot be changed any more. Pure. */
function previewOf(
  { failureEvent }: Pick<FoundEvent, 'failureEvent'>,
  ended: string | undefined,
  given: AfterCompensationField,
  words: Pick<Preview, 'unit' | 'effect'>,
): Preview {
  const reported = ended === undefined && failureEvent !== null ? 1 : 0;
  const consent = consentOf(reported, given);
  const reportedText =
    'its failure event was emitted, so other services may have compensated: a new event from the service that owns the fact keeps all in agreement';
  const why = ended ?? (consent && reportedText);
  return {
    eligible: why === undefined ? 1 : 0,
    ...words,
    others: why === undefined ? [] : [{ count: 1, why }],
    consent,
  };
}

/** The field for the new data, below the shape of what the event has. */
function payloadField(
  { edited, payload }: Pick<FoundEvent, 'edited' | 'payload'>,
  privacy: ConsoleContext['payloads'],
  { above, label }: { readonly above: string; readonly label: string },
): Html {
  const text = (edited ?? payload)?.toString('utf8') ?? '';
  return html`<p class="quiet">${above}</p>
    <pre tabindex="0">${shownPayload(text, privacy) ?? 'not shown'}</pre>
    <label>${label} <textarea name="payload" rows="8" required spellcheck="false"></textarea></label>`;
}

/** Defines the action that puts a payload in the place of an event's own, and retries it. */
export function editAction({ action, databases, payloads }: ConsoleContext): void {
  action({
    path: '/failures/events/:database/:id/edit',
    title: 'Edit and retry',
    summary: 'Replace the payload of a parked event, and retry it; the original bytes are kept',
    input: change,
    needs: 'administrator',
    concerns: (input) => concernedOf(databases, input),
    preview: async (input) => {
      const found = await requireEvent(databases, input);
      const ended = found.closed ?? (found.state === 'superseded' ? 'its saga undid it' : undefined);
      return previewOf(found, ended, input, {
        unit: `event, ${found.type ?? 'unreadable'} of ${found.key}`,
        effect:
          'From the next attempt on its handler gets the payload below. The event keeps its id, and the bytes as they came stay with it; who changed it, and into what, is in the audit.',
      });
    },
    fields: async (input) =>
      payloadField(await requireEvent(databases, input), payloads, {
        above: 'Its shape now:',
        label: 'The new payload, as JSON',
      }),
    run: async ({ database, id, payload, ...given }, { user, reason }) => {
      const operator = { by: user, reason };
      const opened = databases.get(database).database;
      const bytes = Buffer.from(jsonText(payload));
      await editParked(opened, id, bytes, operator);
      await retryParked(opened, id, operator, chosenOf(given));
      return {
        text: 'The event has the new payload, and is due now',
        changed: 1,
        href: parkedPath({ database, id }),
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
    needs: 'administrator',
    concerns: (input) => concernedOf(databases, input),
    preview: async ({ database, id, unreported }) => {
      const found = await findEvent(databases, { database, id });
      const holds = found?.state === 'dead' || found?.state === 'waiting';
      const silent = holds && found.failureEvent === null && unreported !== 'yes';
      const why = holds ? UNREPORTED : 'it does not hold its key, so there is nothing to skip';
      return {
        eligible: holds && !silent ? 1 : 0,
        unit: 'event',
        others: [{ count: silent || !holds ? 1 : 0, why }],
        ...(silent && { consent: { field: 'unreported', value: 'yes', label: 'Skip it all the same' } }),
        effect: 'It never takes effect. It stays on record, and the events behind it in its key continue.',
      };
    },
    run: async ({ database, id, unreported }, { user, reason }) => {
      const how = { unreported: unreported === 'yes' };
      await skipParked(databases.get(database).database, id, { by: user, reason }, how);
      return {
        text: 'The event is skipped, and its key continues',
        changed: 1,
        href: parkedPath({ database, id }),
      };
    },
  });
}

/** Defines the action that replaces a dead letter by a new event, checked against its declared contract. */
export function replaceAction({ action, databases, payloads, declared }: ConsoleContext): void {
  action({
    path: '/failures/events/:database/:id/replace',
    title: 'Replace by a new event',
    summary: 'Replace a dead letter by a new event with other data, for the handler that failed',
    input: change,
    needs: 'administrator',
    concerns: (input) => concernedOf(databases, input),
    preview: async (input) => {
      const found = await requireEvent(databases, input);
      const isDead = found.state === 'dead' || found.state === 'rejected';
      const ended = isDead ? (found.closed ?? undefined) : 'only a dead letter is replaced';
      return previewOf(found, ended, input, {
        unit: `dead letter, ${found.type ?? 'unreadable'} of ${found.key}`,
        effect: `A new event, with an id of its own and this one as its cause, takes its place in the line of its key. It goes to ${found.consumer} alone: it is not published, and other consumers keep what they made of the first. The data is checked against the declared contract before anything is written.`,
      });
    },
    fields: async (input) =>
      payloadField(await requireEvent(databases, input), payloads, {
        above: 'The shape of the dead letter:',
        label: 'Data of the new event, as JSON',
      }),
    run: async ({ database, id, payload, ...given }, { user, reason }) => {
      if (payload === undefined) throw invalidInput('give the data of the new event');
      const events = await declared.events();
      const opened = databases.get(database).database;
      const options = { events, ...chosenOf(given) };
      const made = await replaceParked(opened, id, payload, { by: user, reason }, options);
      return {
        text: `It is replaced by event ${made.eventId}, which is due now`,
        changed: 1,
        href: parkedPath({ database, id }),
      };
    },
  });
}
