import { delayMs } from '@convergekit/resilience';
import { attributeNames, instruments } from '@convergekit/telemetry';
import { type Partition, placeOf, type SliceContext } from '../slice/context.ts';
import type { Pause } from '../slice/fault.ts';
import type { FetchStall } from '@convergekit/kafka';
import type { PausedAlarm } from '../alarms.ts';

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

/** A partition gets no records although it wants some, or that is over (`undefined`): an alarm by name, once. */
export function fetchStalled<DB>(
  { log }: SliceContext<DB>,
  partition: Partition,
  stall: FetchStall | undefined,
): void {
  const named = isFetchAlarm(partition.paused?.code);
  if (stall === undefined) {
    if (!named) return;
    log.info({ alarm: partition.paused?.code, ...placeOf(partition) }, 'goes on');
    partition.paused = undefined;
    return;
  }
  // Another pause has its own reason, and fetches are not what it waits for.
  if (partition.paused !== undefined && !named) return;
  const { code, reason } = nameOf(stall);
  if (partition.paused?.code !== code) {
    log.warn({ alarm: code, ...placeOf(partition), offset: `${partition.nextOffset}` }, reason);
    const { consumer, topic } = partition.key;
    const labels = { [attributeNames.consumer]: consumer, [attributeNames.topic]: topic };
    instruments().inboxPauses.add(1, { ...labels, [attributeNames.reason]: code });
  }
  partition.paused = { code, reason, forMs: undefined };
}

/** True for what a partition waits for at the broker, not here. */
function isFetchAlarm(code: PausedAlarm | undefined): boolean {
  return code === 'fetch_stalled' || code === 'open_transaction';
}

function nameOf({ reason, behind }: FetchStall): { readonly code: PausedAlarm; readonly reason: string } {
  switch (reason) {
    case 'open_transaction':
      return {
        code: 'open_transaction',
        reason: `${behind ?? 0n} records wait for a Kafka transaction that its producer has not ended: see kafka-transactions.sh find-hanging; the broker aborts it after the producer's transaction.timeout.ms`,
      };
    case 'no_leader':
      return {
        code: 'fetch_stalled',
        reason: 'no broker serves this partition: bring its replicas back; it goes on by itself',
      };
    case 'not_fetched':
      return {
        code: 'fetch_stalled',
        reason: `${behind === undefined ? 'records' : `${behind} records`} are there and no fetch brings them: leaders are looked up again; restart the consumer if it lasts`,
      };
  }
}
