import type { Failure } from '@convergekit/core';
import { kindOf } from '@convergekit/resilience/engine';
import {
  attributeNames,
  countAttempt,
  instruments,
  loggableError,
  stackText,
} from '@convergekit/telemetry/engine';
import type { IncomingRecord } from '@convergekit/broker/engine';
import { hideAll, hideValuesOf } from '../attempt/hide-values.ts';
import { type AlarmName, alarmOf, deadLetterAlarm } from '../alarms.ts';
import type { Attempt } from '../attempt/attempt.ts';
import type { Applied } from './apply-slice.ts';
import type { HandledEvent, Weight } from '../park/weigh.ts';
import type { SliceContext } from './context.ts';
import { type Partition, placeOf, type TimedPause } from './partition.ts';
import type { DeadLetter } from '../attempt/dead-letter.ts';

/** Metrics and log lines of slices: ids, codes, reasons and places in the code, never values of events. */
export const report = {
  applied<DB>(context: SliceContext<DB>, applied: Applied<DB>, tookMs: number): void {
    const { log } = context;
    const { partition } = applied.slice;
    const { key } = partition;
    const handled = countApplied(context, applied.weight.handled);
    if (log.isLevelEnabled('debug')) for (const one of applied.handled) report.event(context, one);
    const labels = topicLabels(key);
    const { duplicates, skipped, parked, rejected, deadLetters } = applied;
    countEffects(context, key.topic, applied.handled, handled);
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
  deadLetter<DB>({ definition, log, lines }: SliceContext<DB>, deadLetter: DeadLetter): void {
    const { record, envelope, failure, handler, attempts, run } = deadLetter;
    const { category, certainty, code, structural } = failure;
    const labels = topicLabels({ consumer: definition.name, topic: record.topic });
    const place = { topic: record.topic, partition: record.partition, offset: `${record.offset}` };
    const kind = kindOf(failure);
    if (kind === 'business') {
      const { reason } = reasonOf({ record }, failure);
      log.info({ key: envelope?.key, reason, handler, code, event: envelope?.id, ...place }, 'rejected');
      return;
    }
    const kinds = { [attributeNames.category]: category, [attributeNames.failureKind]: kind };
    const made = instruments();
    made.deadLetters.add(1, { ...labels, ...kinds });
    const alarm = deadLetterAlarm(kind, code);
    if (alarm === 'foreign_id_reused') made.inboxForeignReused.add(1, labels);
    const note = lines.take(`${record.topic} ${code}`);
    if (note === undefined) return;
    const { reason } = reasonOf({ record }, failure);
    const why = { handler, category, certainty, code, structural, attempts: attempts.length, run };
    log.error({ alarm, ...place, event: envelope?.id, ...why, reason, ...note }, 'dead letter');
  },
  /** A parked event took effect. */
  drained<DB>(context: SliceContext<DB>, topic: string, handler: string): void {
    countApplied(context, new Map([[handler, 1]]));
    context.counter.done(topic, 1);
    instruments().inboxHandled.add(1, topicLabels({ consumer: context.definition.name, topic }));
  },
  /** An event took effect: a line for who develops, since there is one for each event. */
  event<DB>({ log }: SliceContext<DB>, { event, subscription }: HandledEvent): void {
    const { handler, kind } = subscription;
    log.debug({ handler, key: event.key, event: event.id }, kind === 'failure' ? 'compensated' : 'applied');
  },
  /** A pause of a partition is over. */
  resumed<DB>({ log, clock }: SliceContext<DB>, partition: Partition, { code, since }: TimedPause): void {
    log.info({ alarm: code, ...placeOf(partition) }, 'partition resumed');
    report.recovered(partition.key, 'partition', clock.monotonic() - since);
  },
  /** What failed works again, `tookMs` after its first failure. */
  recovered(of: Record<'consumer' | 'topic', string>, scope: RecoveryScope, tookMs: number): void {
    const labels = { ...topicLabels(of), [attributeNames.recoveryScope]: scope };
    instruments().inboxRecovery.recordMs(tookMs, labels);
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
    failed: FailedRecord,
    handler: string,
    failure: Failure,
    { number, category, certainty, code, outcome, wait }: Attempt,
  ): void {
    countAttempt({ ...ofHandler(context, handler), outcome, failure, wait });
    const counted = COUNTED_AS[outcome];
    if (counted !== undefined) context.counter.add(counted);
    // The line `rejected` follows, when its failure event is committed.
    if (outcome === 'reject') return;
    const note = context.lines.take(`${handler} ${code}`);
    if (note === undefined) return;
    const alarm = alarmOf(kindOf(failure), outcome);
    const place = { offset: `${failed.record?.offset ?? ''}`, handler, attempt: number };
    const line = { ...(alarm && { alarm }), ...place, category, certainty, code, outcome, wait };
    context.log[alarm === undefined ? 'warn' : 'error'](
      { ...line, ...reasonOf(failed, failure), ...note },
      'attempt failed',
    );
  },
};

/** How an attempt that failed is counted. A rejection is an answer of the business. */
const COUNTED_AS: Partial<Record<Attempt['outcome'], 'failed' | 'retried'>> = {
  retry: 'retried',
  rerun: 'retried',
  pause: 'retried',
  park: 'failed',
  dead: 'failed',
  stop: 'failed',
};

/** Counts the events of a slice, and the time from the emit of its oldest one. */
function countEffects<DB>(
  { counter, time }: SliceContext<DB>,
  topic: string,
  [oldest]: readonly HandledEvent[],
  count: number,
): void {
  counter.done(topic, count);
  if (oldest !== undefined) counter.took(time.now() - oldest.event.time.getTime());
}

/** `event`: retried in place · `key`: parked and released · `partition`: it paused, or lost its database. */
type RecoveryScope = 'event' | 'key' | 'partition';

/** The record whose attempt failed. */
export interface FailedRecord {
  readonly record?: IncomingRecord | undefined;
  /** The data that replaced the record's own. @default none */
  readonly current?: unknown;
  /** True if the handler may have had data that is not known here: then no message is logged. @default false */
  readonly replaced?: boolean;
}

/** The reason of a failure without the event's values, with places in the code unless waiting may resolve it. */
function reasonOf(
  { record, current, replaced = false }: FailedRecord,
  failure: Failure,
): { readonly reason: string; readonly stack?: string } {
  const hide = replaced ? hideAll : hideValuesOf({ value: record?.value ?? null }, current);
  const error = loggableError(failure.cause, { hide });
  const passes = kindOf(failure) === 'transient' || kindOf(failure) === 'business';
  return { reason: error.message, ...(passes ? {} : { stack: stackText(error) }) };
}

function ofHandler<DB>({ definition, policyOf }: SliceContext<DB>, handler: string) {
  const labels = { [attributeNames.consumer]: definition.name, [attributeNames.handler]: handler };
  return { labels, objective: policyOf(handler).objective };
}

function countApplied<DB>(context: SliceContext<DB>, handled: Weight['handled']): number {
  let total = 0;
  for (const [handler, count] of handled) {
    countAttempt({ ...ofHandler(context, handler), outcome: 'applied', count });
    total += count;
  }
  return total;
}

export function topicLabels({ consumer, topic }: Record<'consumer' | 'topic', string>) {
  return { [attributeNames.consumer]: consumer, [attributeNames.topic]: topic };
}
