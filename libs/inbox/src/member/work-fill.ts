import { readFill } from '../gap/fill-sql.ts';
import { readPassedGaps } from '../gap/gap-sql.ts';
import { planFill } from '../gap/plan-fill.ts';
import type { Step } from '../plan/plan.ts';
import { commitSlice, saveDeferred, type SliceResult } from '../slice/commit-slice.ts';
import { endsConsumer } from '../slice/fault.ts';
import type { SliceContext } from '../slice/context.ts';
import type { Partition } from '../slice/partition.ts';
import { afterSlice } from './after-slice.ts';
import { haltAt } from './halt-at.ts';
import type { Turn } from './worker.ts';

/** Processes filled events, until the rest does not follow. False: the partition moved, so records are stale. */
export async function workFill<DB>(turn: Turn<DB>): Promise<boolean> {
  const { worker, partition, lost } = turn;
  const { context } = worker;
  while (partition.standing.filled && partition.halt === undefined) {
    if (worker.stopping() || lost.aborted) return false;
    let result: SliceResult;
    let steps: readonly Step<DB>[] = [];
    try {
      // A filled event may precede deferred ones: its mark must not be counted after theirs.
      result = await saveDeferred(context, partition, lost);
      if (result.kind === 'committed') {
        steps = await nextFill(context, partition);
        if (steps.length === 0) return true;
        result = await commitSlice(context, { partition, steps, signal: lost });
      }
    } catch (error) {
      if (endsConsumer(error)) throw error;
      result = { kind: 'outage', error };
    }
    const next = await afterSlice(turn, result);
    const [first] = steps;
    if (result.kind === 'type_ahead' && first !== undefined) {
      const [type = ''] = result.types;
      await haltAt(turn, { kind: 'type_ahead', record: first.record, type });
    } else if (next !== 'next') return false;
  }
  return true;
}

/** Reads the next slice of stored events of a partition; empty when none follows. */
async function nextFill<DB>(
  { database: { executor }, route }: SliceContext<DB>,
  partition: Partition,
): Promise<readonly Step<DB>[]> {
  const { key, start, standing, limit } = partition;
  const fills = await readFill(executor, key, limit);
  const gaps = (await readPassedGaps(executor, key.consumer)).filter(
    (gap) => gap.topic === key.topic && gap.partition === key.partition,
  );
  const { watermarks } = standing;
  const { steps, stuck } = planFill(fills, { from: start, watermarks, gaps, route });
  // Events that do not follow stay stored: the partition halts at its gap again, and is filled again.
  partition.fillRead(fills.length > 0 && !stuck);
  return steps;
}
