import { queryName } from '../declare/bind-call.ts';
import type { Wanted } from '../work/claim-sql.ts';
import type { ResolvedOptions } from './options.ts';

type Breakers = ReadonlyMap<string, { readonly room: number }>;

/** Limits claims to what the breakers of their effects admit. */
export function withinBreakers<DB>(
  wanted: readonly Wanted[],
  { effects, shared: { breakers } }: Pick<ResolvedOptions<DB>, 'effects' | 'shared'>,
): readonly Wanted[] {
  return wanted.map((one) => admitted(one, effects.get(one.effect)?.canQuery ?? false, breakers));
}

/**
 * Limits the claim of an effect: to the probes of a breaker that is half open, and to nothing behind one that is open. Such
 * work stays due, and continues together once the probes have succeeded; queries have a breaker of their own. Pure.
 */
export function admitted(wanted: Wanted, canQuery: boolean, breakers: Breakers): Wanted {
  const roomOf = (name: string): number => breakers.get(name)?.room ?? Number.POSITIVE_INFINITY;
  const calls = roomOf(wanted.effect);
  const queries = canQuery ? roomOf(queryName(wanted.effect)) : calls;
  const places = Math.min(wanted.places, ...[calls, queries].filter((room) => room > 0));
  return { ...wanted, places, calls: calls > 0, queries: queries > 0 };
}
