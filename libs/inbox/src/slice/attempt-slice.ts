import type { Step } from '../plan/plan.ts';
import { type Applied, applySlices, type Slice } from './apply-slice.ts';
import type { SliceContext } from './context.ts';
import { faultOf } from './fault.ts';
import type { Stand } from './fence-sql.ts';
import { lastMarks } from './marks.ts';
import type { Partition } from './partition.ts';
import type { Fault } from './slice-errors.ts';
import { report } from './report.ts';

export interface CommittedSlice {
  readonly kind: 'committed';
  /** True when some of the slice's events were parked instead of handled. */
  readonly parked: boolean;
}

/** A slice of steps of which none is given up and none failed before. */
export function whole<DB>(steps: readonly Step<DB>[]): Omit<Slice<DB>, 'next'> {
  return { steps, giveUps: new Map(), failed: [] };
}

/** Applies a slice once, and moves the partition if it commits. */
export async function attemptSlice<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  given: Omit<Slice<DB>, 'next'>,
  signal: AbortSignal,
): Promise<CommittedSlice | Exclude<Fault, { kind: 'held_changed' }>> {
  const slice = { ...given, next: standAfter(partition.standing, given.steps.at(-1)) };
  const started = context.clock.monotonic();
  for (;;) {
    try {
      const [one] = await applySlices(context, [{ partition, slice, signal }]);
      if (one === undefined) throw new Error('a slice was applied without a result');
      const { applied } = one;
      return moveOn(context, partition, slice, { applied, tookMs: context.clock.monotonic() - started });
    } catch (error) {
      const fault = faultOf(error);
      if (fault.kind !== 'held_changed') return fault;
      partition.heldChanged(fault);
    }
  }
}

/** Moves a partition past a slice that was committed. */
export function moveOn<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  { steps, next }: Pick<Slice<DB>, 'steps' | 'next'>,
  { applied, tookMs }: { readonly applied: Applied; readonly tookMs: number },
): CommittedSlice {
  const { opened, parked } = applied;
  const marks = lastMarks(steps.map(({ mark }) => mark));
  const ended = partition.committed({ next, marks, opened, tookMs });
  context.parking.committed(applied.weight);
  report.applied(context, partition, applied, tookMs);
  if (ended !== undefined) report.resumed(context, partition, ended);
  return { kind: 'committed', parked: parked > 0 };
}

/** The position after a step. Filled events have no offset in the log, so they leave the partition's offset unchanged. */
export function standAfter<DB>({ nextOffset, fills }: Stand, last: Step<DB> | undefined): Stand {
  if (last === undefined) return { nextOffset, fills };
  return last.fill === undefined
    ? { nextOffset: last.record.offset + 1n, fills }
    : { nextOffset, fills: fills + 1n };
}
