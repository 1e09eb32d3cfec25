import type { Mark } from '../plan/judge.ts';

export type MovedMark = Pick<Mark, 'source' | 'position' | 'last'>;

/** The highest mark of each source and epoch: marks of one source ascend. Pure. */
export function lastMarks<M extends MovedMark>(marks: readonly (M | undefined)[]): readonly M[] {
  const last: M[] = [];
  // The search begins at the end, where nearly always the last mark covers all.
  for (const mark of marks.toReversed())
    if (mark !== undefined && !last.some((one) => isSameTimeline(one, mark))) last.push(mark);
  return last;
}

function isSameTimeline(one: MovedMark, other: MovedMark): boolean {
  return one.source === other.source && one.position.epoch === other.position.epoch;
}
