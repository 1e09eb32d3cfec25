import { readParked } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { notFound } from '../../errors.ts';
import { hideErrors, shownPayload } from '../../payload.ts';
import type { ConsoleContext } from '../../screen.ts';
import { parkedEventPage } from './event-page.ts';
import { type ParkedEvent, parkedEventSchema } from './event-schema.ts';

/** The names of headers whose values name things and never carry data of the event. */
const PLAIN_HEADERS = /^(ce_|traceparent$|tracestate$|content-type$)/;

/** Defines the page of one parked event. */
export function eventPage({ view, look, databases, payloads }: ConsoleContext): void {
  view({
    path: '/failures/events/:database/:id',
    summary:
      'One parked event: its headers, its payload as far as it may be shown, every attempt, and what operators did',
    input: z.object({ database: z.string(), id: z.uuid() }),
    answer: parkedEventSchema,
    read: async ({ database, id }, { visitor }) => {
      const found = await readParked(databases.get(database).executor, id);
      if (found === undefined) throw gone(database, id);
      const { payload, edited, headers, attempts, audit, ...rest } = found;
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
    path: '/failures/events/:database/:id/payload',
    summary: 'The payload of a parked event in full',
    input: z.object({ database: z.string(), id: z.uuid() }),
    read: async ({ database, id }) => {
      const opened = databases.get(database);
      const found = await readParked(opened.executor, id);
      if (found === undefined) throw gone(database, id);
      const payload = (found.edited ?? found.payload)?.toString('utf8') ?? '';
      return { database: opened, eventId: found.eventId ?? id, subject: `parked event ${id}`, payload };
    },
  });
}

export function gone(database: string, id: string): Error {
  return notFound(`there is no parked event ${id} in ${database}: it was applied meanwhile`);
}

/** Shows headers that name things; the values of others are a producer's own data (pure). */
export function shownHeaders(json: string): ParkedEvent['headers'] {
  const headers = JSON.parse(json) as readonly (readonly [string, unknown])[];
  return headers.map(([name, value]) => {
    if (typeof value !== 'string') return { name, value: value === null ? 'null' : '‹bytes›' };
    return { name, value: PLAIN_HEADERS.test(name) ? value : `‹text, ${value.length}›` };
  });
}
