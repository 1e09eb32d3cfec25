import type { Executor } from '@convergekit/postgres';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import type { Step } from '../decide/plan.ts';
import type { PartitionKey } from '../query/fence.ts';
import { takeFill } from '../query/fill.ts';
import { insertGap, moveFilled } from '../query/gap.ts';

/**
 * Takes the filled events of a slice out of converge.inbox_fill, before their handlers run. False: they are not there any
 * more, since somebody filled anew.
 */
export async function takeFilled<DB>(
  tx: Executor,
  key: PartitionKey,
  steps: readonly Step<DB>[],
): Promise<boolean> {
  const fills = steps.flatMap(({ fill }) => (fill === undefined ? [] : [fill]));
  if (fills.length === 0) return true;
  if (!(await takeFill(tx, key, fills))) return false;
  const gaps = Map.groupBy(fills, ({ gap }) => gap);
  for (const [gap, events] of gaps) {
    const last = events.at(-1);
    if (gap !== undefined && last !== undefined) await moveFilled(tx, gap, last.position);
  }
  return true;
}

/** Keeps what a slice went past, for whoever fills or reconciles it later. */
export async function recordPassed<DB>(
  tx: Executor,
  { onGap }: ConsumerDefinition<DB>,
  key: PartitionKey,
  steps: readonly Step<DB>[],
): Promise<void> {
  for (const { record, mark, passed } of steps)
    if (passed !== undefined && mark !== undefined)
      await insertGap(
        tx,
        key,
        { source: mark.source, recordOffset: record.offset, ...passed },
        onGap === 'continue' ? 'policy' : 'operator',
      );
}
