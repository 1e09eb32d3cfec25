import { filter as filterOfParked, HOLDING, wantedOf } from '@convergekit/operate/parked';
import { type InputOf, schemaOf } from '@convergekit/operate/registry';
import type { ParkedFilter } from '@convergekit/inbox/operate';
import { z } from 'zod';

/** The fields by which parked events are chosen, in every page: those of the lists and the acts. */
export const filterSchema = schemaOf(filterOfParked).extend({ database: z.string().optional() });

/** As an address gives them. */
export type FailureFilter = InputOf<typeof filterOfParked> & { readonly database?: string | undefined };

export const filterIn = (given: Readonly<Record<string, unknown>>): FailureFilter => given as FailureFilter;

/** Returns the filter of the inbox (pure). Without a state: what waits, and what was given up. */
export const parkedFilterOf = (filter: FailureFilter): ParkedFilter => wantedOf(filter, HOLDING);

/** The changes of a filter in an address: other values, or what one group has. */
export type More = Readonly<Record<string, string | readonly string[] | null | undefined>>;

/** An address with the fields of a filter, and no others, in its query (pure). */
export function filtered(path: string, filter: Partial<FailureFilter>, more: More = {}): string {
  const query = new URLSearchParams();
  const named = Object.keys(filterSchema.shape).map((name) => [name, filter[name as keyof FailureFilter]]);
  for (const [name, value] of Object.entries({ ...Object.fromEntries(named), ...more } as More))
    for (const one of [value].flat())
      if (one !== undefined && one !== null && one !== '')
        query.append(name, (one as unknown) instanceof Date ? (one as unknown as Date).toISOString() : one);
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/** The form that retries all that a list shows. Pure. */
export const retryAllPath = (filter: FailureFilter): string =>
  filtered('/parked/retry', { ...filter, state: filter.state.length === 0 ? HOLDING : filter.state });
