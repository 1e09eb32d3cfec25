import { delayMs } from '@convergekit/resilience';
import { attributeNames, instruments } from '@convergekit/telemetry';
import { type Partition, placeOf, type SliceContext } from '../slice/context.ts';
import type { Pause } from '../slice/outcome.ts';

/** How often a partition looks again when nobody says for how long it must wait. */
const probing = { baseMs: 500, factor: 2, capMs: 15_000 };

/**
 * Waits with a partition that cannot go on by anybody's fault but its events': nothing is given up, no attempt is kept,
 * its records stay where they are; heartbeats and the other partitions go on. Then the same event is tried again.
 */
export async function pauseAt<DB>(
  { clock, random, log }: SliceContext<DB>,
  partition: Partition,
  pause: Pause,
  signal: AbortSignal,
): Promise<void> {
  if (partition.paused?.code !== pause.code)
    log.warn({ alarm: pause.code, ...placeOf(partition), offset: `${partition.nextOffset}` }, pause.reason);
  partition.paused = pause;
  partition.pauses += 1;
  const { consumer, topic } = partition.key;
  const labels = { [attributeNames.consumer]: consumer, [attributeNames.topic]: topic };
  instruments().inboxPauses.add(1, { ...labels, [attributeNames.reason]: pause.code });
  await clock.sleep(pause.forMs ?? delayMs(probing, partition.pauses, random) + probing.baseMs, signal);
}
