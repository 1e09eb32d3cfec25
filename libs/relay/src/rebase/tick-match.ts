import type { Position } from '@convergekit/contracts';
import type { KnownTicks } from '../log-check/judge.ts';

/** What the database says of a tick that stands in the log. `older`: of an epoch that was left before. */
export type TickMatch = 'same' | 'dropped' | 'missing' | 'other' | 'older';

/** Pure. Markers count as `same`: tick 0 is no window. */
export function placeOf(
  { epoch, tick, nonce }: Position & { readonly nonce?: string },
  known: KnownTicks,
): TickMatch {
  if (epoch < known.epoch) return 'older';
  if (tick === 0n) return 'same';
  const own = known.nonces.get(tick);
  if (own === undefined) return tick > known.latest ? 'missing' : 'dropped';
  return nonce === undefined || nonce === own ? 'same' : 'other';
}
