import type { FetchStall } from '@convergekit/kafka';
import { attributeNames, instruments } from '@convergekit/telemetry';
import type { PausedAlarm } from '../alarms.ts';
import { type Partition, placeOf, type SliceContext } from '../slice/context.ts';

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
