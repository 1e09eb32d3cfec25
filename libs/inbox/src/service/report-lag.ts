import { attributeNames, instruments } from '@convergekit/telemetry';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import type { Partition } from '../slice/context.ts';

/** When the oldest record that is not handled was written; undefined when there is none, or it is not known yet. */
export function oldestMs({ lag, next, nextOffset }: Partition): number | undefined {
  return lag > 0n && next?.at === nextOffset ? next.timestampMs : undefined;
}

/**
 * Gauges of this member, by topic: what it has not handled, how old that is, and how many partitions stand still, by the
 * name of why. `told` keeps the names that were told, so that one that is over becomes 0.
 */
export function reportLag<DB>(
  { name, topics }: Pick<ConsumerDefinition<DB>, 'name' | 'topics'>,
  partitions: readonly Partition[],
  nowMs: number,
  told: Set<string>,
): void {
  const made = instruments();
  for (const { halted, paused } of partitions)
    for (const stands of [halted, paused]) if (stands !== undefined) told.add(stands.code);
  for (const topic of topics) {
    const labels = { [attributeNames.consumer]: name, [attributeNames.topic]: topic };
    const mine = partitions.filter(({ key }) => key.topic === topic);
    const ages = mine.map((partition) => nowMs - (oldestMs(partition) ?? nowMs));
    made.inboxLag.record(Number(mine.reduce((sum, { lag }) => sum + lag, 0n)), labels);
    made.inboxOldest.recordMs(Math.max(0, ...ages), labels);
    for (const reason of told) {
      const named = { ...labels, [attributeNames.reason]: reason };
      made.inboxPaused.record(mine.filter((one) => state(one, 'paused') === reason).length, named);
      made.inboxHalted.record(mine.filter((one) => state(one, 'halted') === reason).length, named);
    }
  }
}

function state({ halted, paused }: Partition, wanted: 'halted' | 'paused'): string | undefined {
  if (wanted === 'halted') return halted?.code;
  return halted === undefined ? paused?.code : undefined;
}
