import { planFill } from '../decide/fill.ts';
import type { Step } from '../decide/plan.ts';
import { readFill } from '../query/fill.ts';
import { readOpenGaps } from '../query/gap.ts';
import type { Partition, SliceContext } from '../slice/context.ts';

/** The next slice of what `consumers fill` put for a partition; none when there is no more that follows. */
export async function nextFill<DB>(
  context: SliceContext<DB>,
  partition: Partition,
): Promise<readonly Step<DB>[]> {
  const { executor } = context.database;
  const { key, watermarks, start } = partition;
  const fills = await readFill(executor, key, partition.limit);
  const gaps = (await readOpenGaps(executor, key.consumer)).filter(
    (gap) => gap.topic === key.topic && gap.partition === key.partition,
  );
  const { steps, stuck } = planFill(fills, { from: start, watermarks, gaps, route: context.route });
  // What does not follow stays where it is: the partition halts at its gap again, and is filled again.
  partition.filled = fills.length > 0 && !stuck;
  return steps;
}
