import type { Step } from '../plan/plan.ts';
import { type Applied, applySlices, type Part, type Slice } from './apply-slice.ts';
import type { SliceContext } from './context.ts';
import { faultOf } from './fault.ts';
import type { Stand } from './fence-sql.ts';
import { lastMarks } from '../plan/judge.ts';
import type { Fault } from './slice-errors.ts';
import { report } from './report.ts';

export interface CommittedSlice {
  readonly kind: 'committed';
  /** True when some of the slice's events were parked instead of handled. */
  readonly parked: boolean;
}

/** Makes a slice of steps, of which none is given up and none failed before, unless `more` says so. */
export function sliceOf<DB>(
  part: Part<DB>,
  more: Partial<Pick<Slice<DB>, 'giveUps' | 'failed' | 'attempt'>> = {},
): Slice<DB> {
  const next = standAfter(part.partition.standing, part.steps.at(-1));
  return { ...part, next, giveUps: new Map(), failed: [], ...more };
}

/** Applies slices in one transaction. A partition that cannot be moved after the commit rejects by itself. */
export async function commitTogether<DB>(
  context: SliceContext<DB>,
  slices: readonly Slice<DB>[],
): Promise<readonly Promise<CommittedSlice>[]> {
  const started = context.clock.monotonic();
  const all = await applySlices(context, slices);
  const tookMs = context.clock.monotonic() - started;
  return all.map(
    (applied) => new Promise<CommittedSlice>((resolve) => resolve(moveOn(context, applied, tookMs))),
  );
}

/** Applies a slice once, in a transaction of its own, with the parked keys as they are. */
export async function attemptSlice<DB>(
  context: SliceContext<DB>,
  slice: Slice<DB>,
): Promise<CommittedSlice | Exclude<Fault, { kind: 'held_changed' }>> {
  for (;;) {
    try {
      const [moved] = await commitTogether(context, [slice]);
      if (moved === undefined) throw new Error('a slice was applied without a result');
      return await moved;
    } catch (error) {
      const fault = faultOf(error);
      if (fault.kind !== 'held_changed') return fault;
      slice.partition.heldChanged(fault);
    }
  }
}

/** Moves a partition past a slice that was committed. */
function moveOn<DB>(context: SliceContext<DB>, applied: Applied<DB>, tookMs: number): CommittedSlice {
  const { slice, opened, weight, parked } = applied;
  const { partition, steps, next } = slice;
  const marks = lastMarks(steps.map(({ mark }) => mark));
  const ended = partition.committed({ next, marks, opened, tookMs });
  context.parking.committed(weight);
  report.applied(context, applied, tookMs);
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
