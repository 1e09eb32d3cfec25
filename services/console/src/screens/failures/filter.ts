import { PARKED_STATES, type ParkedFilter } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { invalidInput } from '../../errors.ts';
import { withQuery } from '../../layout/parts.ts';
import { instant } from '../../routes/input.ts';

/** The fields by which failures are chosen: the same in every list and in the retry. */
export const filterFields = {
  database: z.string().optional(),
  consumer: z.string().optional(),
  handler: z.string().optional(),
  state: z.enum(PARKED_STATES).optional(),
  category: z.string().optional(),
  code: z.string().optional(),
  fingerprint: z.string().optional(),
  key: z.string().optional(),
  /** Parked at this time or later, and before `until`. */
  since: instant.optional(),
  until: instant.optional(),
  /** One event. */
  id: z.uuid().optional(),
};
export type FailureFilter = z.output<z.ZodObject<typeof filterFields>>;

/** Returns the filter of the inbox (pure). Without a state: what waits, and what was given up. */
export function parkedFilterOf({ state, id, ...rest }: FailureFilter): ParkedFilter {
  const states = state === undefined ? (['dead', 'waiting'] as const) : [state];
  return id === undefined ? { ...rest, states } : { ids: [id] };
}

/** An address with the fields of a filter, and no others, in its query (pure). */
export function filtered(
  path: string,
  filter: FailureFilter,
  more: Readonly<Record<string, string>> = {},
): string {
  const { database, consumer, handler, state, category, code, fingerprint, key, since, until, id } = filter;
  return withQuery(path, {
    database,
    consumer,
    handler,
    state,
    category,
    code,
    fingerprint,
    key,
    id,
    since: since?.toISOString(),
    until: until?.toISOString(),
    ...more,
  });
}

/** Refuses a retry without any condition: all dead letters of all services is never what an operator means. */
export function requireCondition(filter: FailureFilter): void {
  if (filtered('', filter) !== '') return;
  throw invalidInput('choose what to retry: open a group, or filter the failures first');
}
