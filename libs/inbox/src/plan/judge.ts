import { comparePositions, type Position, START } from '@convergekit/contracts/engine';
import type { Start } from '../define/types.ts';

/** The event at a watermark: later records are compared with it. */
export interface LastEvent {
  readonly offset: bigint;
  /** The id of the event. Undefined for a marker, and for an event whose headers could not be read. */
  readonly id: string | undefined;
  readonly prev: Position | undefined;
  /** The creation time of the newest handled event by its source's clock, in milliseconds since 1970; 0: unknown. */
  readonly newestMs: number;
  /** Events created until then may have been skipped unseen, before the source was first seen here. */
  readonly unknownUntilMs: number;
}

/** A record's position in its source, and its predecessor: the basis of deduplication and of the gap proof. */
export interface Mark {
  readonly source: string;
  readonly position: Position;
  readonly prev: Position | undefined;
  /** The event, as the watermark keeps it. */
  readonly last?: LastEvent | undefined;
}

export type MovedMark = Pick<Mark, 'source' | 'position' | 'last'>;

/** The highest position of an epoch and its event; a replay, which moves it back, knows no event there. */
export interface Watermark extends Position {
  readonly last?: LastEvent | undefined;
}

export function watermarkOf({ position, last }: Pick<Mark, 'position' | 'last'>): Watermark {
  const { epoch, tick, id } = position;
  return { epoch, tick, id, last };
}

/** The watermarks of one source in one partition, by epoch. */
export type Seen = ReadonlyMap<number, Watermark>;

export type Verdict =
  /** The event is next: its predecessor is the last known event. */
  | { readonly kind: 'next' }
  | { readonly kind: 'duplicate' }
  /** Events are missing between `after` and the event's predecessor. */
  | { readonly kind: 'gap'; readonly after: Position | undefined }
  /** A newer position of an old epoch: the old primary still writes. */
  | { readonly kind: 'superseded'; readonly epoch: number };

/**
 * Judges one event of a known source by its position alone. Pure.
 * Every epoch has its own watermark, so a repeat of an old epoch's event stays a duplicate after a fork. The predecessor is
 * compared with the watermark of its own epoch: the first event of a new epoch names the last one of the old, and the marker
 * of the new epoch, which is above both, proves nothing about it. An old epoch that was never seen lies before the start.
 */
export function judge({ position, prev }: Mark, seen: Seen, from: Start): Verdict {
  const own = seen.get(position.epoch);
  if (own !== undefined && comparePositions(position, own) <= 0) return { kind: 'duplicate' };
  const top = highest(seen);
  if (top === undefined) return firstSight(prev, from);
  if (position.epoch < top.epoch) return { kind: 'superseded', epoch: top.epoch };
  // An event without a predecessor proves nothing, so its predecessor counts as missing.
  if (prev === undefined) return { kind: 'gap', after: top };
  const known = seen.get(prev.epoch) ?? top;
  return comparePositions(prev, known) <= 0 ? { kind: 'next' } : { kind: 'gap', after: known };
}

function firstSight(prev: Position | undefined, from: Start): Verdict {
  switch (from) {
    case 'first':
      return isStart(prev) ? { kind: 'next' } : { kind: 'gap', after: undefined };
    case 'earliest':
    case 'latest':
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

/** The highest mark of each source and epoch: marks of one source ascend. Pure. */
export function lastMarks<M extends MovedMark>(marks: readonly (M | undefined)[]): readonly M[] {
  const last: M[] = [];
  const isKnown = ({ source, position: { epoch } }: M): boolean =>
    last.some((one) => one.source === source && one.position.epoch === epoch);
  // The search begins at the end, where nearly always the last mark covers all.
  for (const mark of marks.toReversed()) if (mark !== undefined && !isKnown(mark)) last.push(mark);
  return last;
}
