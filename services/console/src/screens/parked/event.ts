import { readParked } from '@convergekit/inbox/operate';
import { z } from 'zod';
import type { Databases } from '../../databases.ts';
import { notFound } from '../../errors.ts';
import { hideErrors, shownPayload } from '../../payload.ts';
import type { ConsoleContext } from '../../screen.ts';
import { type ParkedEvent, parkedEventPage, parkedEventSchema } from './event-page.ts';

/** The names of headers whose values name things and never carry data of the event. */
const PLAIN_HEADERS = /^(ce_|traceparent$|tracestate$|content-type$)/;

/** Defines the page of one parked event. */
export function eventPage({ view, look, databases, payloads }: ConsoleContext): void {
  view({
    path: '/parked/:database/:id',
    summary:
      'One parked event: its headers, its payload as far as it may be shown, every attempt, and what operators did',
    input: z.object({ database: z.string(), id: z.uuid() }),
    answer: parkedEventSchema,
    read: async ({ database, id }, { visitor }) => {
      const { payload, edited, headers, attempts, audit, ...rest } = await requireEvent(databases, {
        database,
        id,
      });
      const shown = (bytes: Buffer | null): string | undefined =>
        bytes === null ? undefined : shownPayload(bytes.toString('utf8'), payloads);
      return {
        ...hideErrors(rest, payloads, visitor),
        database,
        headers: shownHeaders(headers),
        payload: shown(payload),
        edited: shown(edited),
        attempts: [...hideErrors(attempts, payloads, visitor)],
        audit: [...audit],
      };
    },
    page: (event) => ({
      title: `${event.type ?? 'Unreadable event'} ${event.key}`,
      body: parkedEventPage(event, payloads === 'full'),
    }),
  });
  look({
    path: '/parked/:database/:id/payload',
    summary: 'The payload of a parked event in full',
    input: z.object({ database: z.string(), id: z.uuid() }),
    read: async ({ database, id }) => {
      const { consumer, eventId, edited, payload } = await requireEvent(databases, { database, id });
      return {
        database: databases.get(database),
        of: { consumer },
        // Of a parked event that cannot be read its own id.
        record: { act: 'payload look', subject: eventId ?? id },
        subject: `parked event ${id}`,
        payload: (edited ?? payload)?.toString('utf8') ?? '',
      };
    },
  });
}

export type FoundEvent = NonNullable<Awaited<ReturnType<typeof readParked>>>;

interface Place {
  readonly database: string;
  readonly id: string;
}

/** Reads a parked event; undefined for one that is not there any more. */
export function findEvent(databases: Databases, { database, id }: Place): Promise<FoundEvent | undefined> {
  return readParked(databases.get(database).executor, id);
}

/** Reads a parked event. Refuses one that is not there any more. */
export async function requireEvent(databases: Databases, place: Place): Promise<FoundEvent> {
  const found = await findEvent(databases, place);
  if (found !== undefined) return found;
  throw notFound(`there is no parked event ${place.id} in ${place.database}: it was applied meanwhile`);
}

/** Shows headers that name things; the values of others are a producer's own data (pure). */
export function shownHeaders(json: string): ParkedEvent['headers'] {
  const headers = JSON.parse(json) as readonly (readonly [string, unknown])[];
  return headers.map(([name, value]) => {
    if (typeof value !== 'string') return { name, value: value === null ? 'null' : '‹bytes›' };
    return { name, value: PLAIN_HEADERS.test(name) ? value : `‹text, ${value.length}›` };
  });
}
