import type { FetchStall } from '@convergekit/broker/engine';
import { delayMs } from '@convergekit/core/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { PausedAlarm } from '../alarms.ts';
import type { SliceContext } from '../slice/context.ts';
import { type Partition, type Pause, placeOf } from '../slice/partition.ts';
import { report, topicLabels } from '../slice/report.ts';

/** The backoff of a partition that pauses for an unknown time. */
const probing = { baseMs: 500, factor: 2, capMs: 15_000 };

/**
 * Pauses a partition for a fault outside its events: nothing is given up, no attempt counts. The records stay in the
 * log; heartbeats and the other partitions continue. Afterwards the same event is retried.
 */
export async function pauseAt<DB>(
  { clock, random, log }: SliceContext<DB>,
  partition: Partition,
  pause: Pause,
  signal: AbortSignal,
): Promise<void> {
  if (partition.pause?.code !== pause.code)
    log.warn({ alarm: pause.code, ...placeOf(partition), offset: `${partition.nextOffset}` }, pause.reason);
  const pauses = partition.pauseWith(pause, clock.monotonic());
  countPause(partition, pause.code);
  await clock.sleep(pause.forMs ?? delayMs(probing, pauses, random) + probing.baseMs, signal);
}

/** Reports once that a partition gets no records although its log has some, or (`undefined`) the end of that. */
export function fetchStalled<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  stall: FetchStall | undefined,
): void {
  const { log, clock } = context;
  const pause = partition.anyPause;
  const named = pause?.code === 'fetch_stalled' || pause?.code === 'open_transaction';
  if (stall === undefined) {
    const ended = named ? partition.endPause() : undefined;
    if (ended !== undefined) report.resumed(context, partition, ended);
    return;
  }
  // A pause for another reason does not wait for fetches.
  if (pause !== undefined && !named) return;
  const { code, reason } = pauseOf(stall);
  if (pause?.code !== code) {
    log.warn({ alarm: code, ...placeOf(partition), offset: `${partition.nextOffset}` }, reason);
    countPause(partition, code);
  }
  partition.stallWith({ code, reason, forMs: undefined }, clock.monotonic());
}

function countPause({ key }: Partition, code: PausedAlarm): void {
  instruments().inboxPauses.add(1, { ...topicLabels(key), [attributeNames.reason]: code });
}

function pauseOf({ reason, behind }: FetchStall): Pick<Pause, 'code' | 'reason'> {
  switch (reason) {
    case 'open_transaction':
      return {
        code: 'open_transaction',
        reason: `${behind ?? 0n} records wait for a Kafka transaction that its producer has not ended: see kafka-transactions.sh find-hanging; the broker aborts it after the producer's transaction.timeout.ms`,
      };
    case 'no_leader':
      return {
        code: 'fetch_stalled',
        reason:
          'no broker serves this partition: bring its replicas back; the partition then resumes by itself',
      };
    case 'throttled':
      return {
        code: 'fetch_stalled',
        reason: `${behind ?? 0n} records are in the log and a quota of the brokers keeps answers empty: raise consumer_byte_rate or request_percentage of this client (\`kafka-configs.sh --describe --entity-type clients --entity-type users\`); the partition then resumes by itself`,
      };
    case 'not_fetched':
      return {
        code: 'fetch_stalled',
        reason: `${behind === undefined ? 'records' : `${behind} records`} are in the log and no fetch returns them: leaders are looked up again; restart the consumer if it lasts`,
      };
  }
}
