import { comparePositions, type Position, START } from '@convergekit/contracts';
import type { Start } from '../define/types.ts';

/** What the event at a watermark said: what comes later is compared with it. */
export interface LastEvent {
  readonly offset: bigint;
  /** Undefined for a marker, and for an event whose headers could not be read. */
  readonly id: string | undefined;
  readonly prev: Position | undefined;
  /** When the newest event that was handled was made, milliseconds since 1970, as its source's clock said; 0: unknown. */
  readonly newestMs: number;
  /** What was made until then may have passed unseen: it was before our first sight. */
  readonly unknownUntilMs: number;
}

/** What a record says about its place in its source: the mark that deduplication and the gap proof go by. */
export interface Mark {
  readonly source: string;
  readonly position: Position;
  readonly prev: Position | undefined;
  /** What the watermark is to know of it. */
  readonly last?: LastEvent | undefined;
}

/** The highest position of an epoch, and what the event there said; nothing where a version of before moved it. */
export interface Watermark extends Position {
  readonly last?: LastEvent | undefined;
}

/** The watermark after a mark. */
export function watermarkOf({ position, last }: Pick<Mark, 'position' | 'last'>): Watermark {
  const { epoch, tick, id } = position;
  return { epoch, tick, id, last };
}

/** What is known of one source in one partition: the highest position of each epoch, by epoch. */
export type Seen = ReadonlyMap<number, Watermark>;

export type Verdict =
  /** Its predecessor is the last event that we know: it is its turn. */
  | { readonly kind: 'next' }
  | { readonly kind: 'duplicate' }
  /** Events between `after` and this one's predecessor never came. */
  | { readonly kind: 'gap'; readonly after: Position | undefined }
  /** A newer position of an epoch that was left behind: the old primary lives. */
  | { readonly kind: 'superseded'; readonly epoch: number };

/**
 * Judges one event of a known source by its position alone. Pure.
 * Every epoch is compared with its own watermark (a repeat of an old epoch's event stays a duplicate after a fork), and
 * the predecessor with the watermark of the predecessor's epoch: the first event of a new epoch names the last one of
 * the old, and the marker of the new one, which is above both, proves nothing about it. An old epoch that we never saw
 * lies before our beginning.
 */
export function judge({ position, prev }: Mark, seen: Seen, from: Start): Verdict {
  const own = seen.get(position.epoch);
  if (own !== undefined && comparePositions(position, own) <= 0) return { kind: 'duplicate' };
  const top = highest(seen);
  if (top === undefined) return firstSight(prev, from);
  if (position.epoch < top.epoch) return { kind: 'superseded', epoch: top.epoch };
  // An event that names no predecessor proves nothing, so it counts as one whose predecessor is missing.
  if (prev === undefined) return { kind: 'gap', after: top };
  const known = seen.get(prev.epoch) ?? top;
  return comparePositions(prev, known) <= 0 ? { kind: 'next' } : { kind: 'gap', after: known };
}

function firstSight(prev: Position | undefined, from: Start): Verdict {
  switch (from) {
    case 'beginning':
      return isStart(prev) ? { kind: 'next' } : { kind: 'gap', after: undefined };
    case 'earliest':
    case 'now':
      return { kind: 'next' };
  }
}

/** True for the predecessor that the very first event of a partition names. */
export function isStart(prev: Position | undefined): boolean {
  return prev !== undefined && comparePositions(prev, START) === 0;
}

export function highest(seen: Seen): Position | undefined {
  let top: Position | undefined;
  for (const position of seen.values())
    if (top === undefined || comparePositions(position, top) > 0) top = position;
  return top;
}
