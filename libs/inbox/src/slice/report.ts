import type { Failure } from '@convergekit/core';
import { kindOf } from '@convergekit/resilience/engine';
import {
  type Attributes,
  attributeNames,
  countAttempt,
  instruments,
  recordObjective,
} from '@convergekit/telemetry/engine';
import { type AlarmName, alarmOf, deadLetterAlarm } from '../alarms.ts';
import type { Attempt } from '../attempt/attempt.ts';
import type { Applied } from './apply-slice.ts';
import type { SliceContext } from './context.ts';
import { type Partition, placeOf } from './partition.ts';
import type { DeadLetter } from '../attempt/dead-letter.ts';

/** Metrics and log lines of slices. Ids and codes only, never payloads. */
export const report = {
  applied<DB>(context: SliceContext<DB>, partition: Partition, applied: Applied, tookMs: number): void {
    const { log } = context;
    const { key } = partition;
    const handled = countApplied(context, applied.handled);
    const labels = topicLabels(key);
    const { duplicates, skipped, parked, rejected, deadLetters } = applied;
    partition.count({ handled, duplicates, skipped, parked, rejected, deadLetters });
    const made = instruments();
    made.inboxHandled.add(handled, labels);
    if (applied.duplicates > 0) made.inboxDuplicates.add(applied.duplicates, labels);
    made.inboxSliceSize.record(handled, labels);
    made.inboxSliceDuration.recordMs(tookMs, labels);
    for (const deadLetter of applied.reported) report.deadLetter(context, deadLetter);
    if (applied.opened.length > 0)
      log.warn({ ...placeOf(partition), keys: applied.opened.length, parked: applied.parked }, 'keys parked');
  },
  /** An event was given up, and its failure event emitted. */
  deadLetter<DB>({ definition, log }: SliceContext<DB>, deadLetter: DeadLetter): void {
    const { record, envelope, failure, handler, attempts, run } = deadLetter;
    const { category, certainty, code, structural } = failure;
    const labels = topicLabels({ consumer: definition.name, topic: record.topic });
    const place = { topic: record.topic, partition: record.partition, offset: `${record.offset}` };
    const why = { handler, category, certainty, code, structural, attempts: attempts.length, run };
    const kind = kindOf(failure);
    if (kind === 'business') {
      log.info({ ...place, event: envelope?.id, ...why }, 'rejected');
      return;
    }
    const kinds = { [attributeNames.category]: category, [attributeNames.failureKind]: kind };
    const made = instruments();
    made.deadLetters.add(1, { ...labels, ...kinds });
    const alarm = deadLetterAlarm(kind, code);
    if (alarm === 'foreign_id_reused') made.inboxForeignReused.add(1, labels);
    log.error({ alarm, ...place, event: envelope?.id, ...why }, 'dead letter');
  },
  /** A parked event took effect. */
  drained<DB>(context: SliceContext<DB>, topic: string, handler: string): void {
    countApplied(context, new Map([[handler, 1]]));
    instruments().inboxHandled.add(1, topicLabels({ consumer: context.definition.name, topic }));
  },
  /** Unreadable records beyond the cap were closed: how many of each topic. */
  unreadable<DB>({ definition, log }: SliceContext<DB>, closed: ReadonlyMap<string, number>): void {
    const alarm: AlarmName = 'unreadable_cap';
    for (const [topic, count] of closed) {
      const labels = topicLabels({ consumer: definition.name, topic });
      instruments().inboxUnreadableDropped.add(count, labels);
      log.error(
        { alarm, topic, count },
        'unreadable records beyond the cap lost their bytes, and are closed as skipped',
      );
    }
  },
  /** The gauges of parked events. */
  totals<DB>({ definition, parking }: SliceContext<DB>): void {
    const { keys, waiting, dead, oldestMs } = parking.totals;
    const labels = { [attributeNames.consumer]: definition.name };
    const made = instruments();
    made.inboxParkedKeys.record(keys, labels);
    made.inboxParkedAge.recordMs(oldestMs, labels);
    made.inboxParked.record(waiting, { ...labels, [attributeNames.parkedState]: 'waiting' });
    made.inboxParked.record(dead, { ...labels, [attributeNames.parkedState]: 'dead' });
  },
  attempt<DB>(
    context: SliceContext<DB>,
    offset: bigint | undefined,
    handler: string,
    failure: Failure,
    { number, category, certainty, code, message, outcome, wait }: Attempt,
  ): void {
    countAttempt({ labels: handlerLabels(context, handler), outcome, failure, wait });
    const alarm = alarmOf(kindOf(failure));
    const place = { offset: `${offset ?? ''}`, handler, attempt: number };
    // Messages of data and bug failures quote the event; only the stored attempt has them.
    const quotes = category === 'data' || category === 'bug';
    const reason = quotes ? {} : { reason: message };
    const line = { ...(alarm && { alarm }), ...place, category, certainty, code, outcome, wait, ...reason };
    context.log[alarm === undefined ? 'warn' : 'error'](line, 'attempt failed');
  },
};

function handlerLabels<DB>({ definition, policyOf }: SliceContext<DB>, handler: string): Attributes {
  const { objective } = policyOf(handler);
  return {
    [attributeNames.consumer]: definition.name,
    [attributeNames.handler]: handler,
    ...(objective === undefined ? {} : { [attributeNames.objective]: objective.name }),
  };
}

function countApplied<DB>(context: SliceContext<DB>, handled: Applied['handled']): number {
  let total = 0;
  for (const [handler, count] of handled) {
    const { objective } = context.policyOf(handler);
    if (objective !== undefined) recordObjective(objective);
    countAttempt({ labels: handlerLabels(context, handler), outcome: 'applied', count });
    total += count;
  }
  return total;
}

export function topicLabels({ consumer, topic }: Record<'consumer' | 'topic', string>): Attributes {
  return { [attributeNames.consumer]: consumer, [attributeNames.topic]: topic };
}
