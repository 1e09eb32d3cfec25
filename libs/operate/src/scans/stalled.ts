import { comparePositions, type Position, START } from '@convergekit/contracts/engine';
import type { ConsumerMark } from '@convergekit/inbox/operate';
import type { SentPartition } from '@convergekit/relay/operate';

/** What the positions of a source and a consumer say about one partition. */
export type Reading =
  /** Everything that was sent before the bound has been handled. */
  | { readonly kind: 'handled' }
  /** The newest event was sent before the bound, and is not handled. */
  | { readonly kind: 'stalled'; readonly ageMs: number | null }
  /** Newer events came meanwhile: only the outbox knows whether an older one is among those that are not handled. */
  | { readonly kind: 'look'; readonly after: bigint; readonly upTo: bigint };

/** Compares what was sent with what a consumer has handled. `boundTick`: the last tick older than the bound. Pure. */
export function readPositions(
  { sent, ageMs }: Pick<SentPartition, 'sent' | 'ageMs'>,
  { mark }: Pick<ConsumerMark, 'mark'>,
  boundTick: bigint | null,
): Reading {
  const handled: Position = mark ?? START;
  if (boundTick === null || comparePositions(handled, sent) >= 0) return { kind: 'handled' };
  if (sent.tick <= boundTick) return { kind: 'stalled', ageMs };
  // Ticks of another epoch cannot be compared with the mark's.
  if (mark !== null && mark.epoch !== sent.epoch) return { kind: 'handled' };
  return handled.tick >= boundTick
    ? { kind: 'handled' }
    : { kind: 'look', after: handled.tick, upTo: boundTick };
}
