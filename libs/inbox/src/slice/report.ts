import type { Failure } from '@converge/resilience';
import { attributeNames, instruments } from '@converge/telemetry';
import type { Step } from '../decide/plan.ts';
import type { Applied } from './apply-slice.ts';
import type { Partition, SliceContext } from './context.ts';

/** Counts and log lines of slices, in one place. Ids and codes only, never payloads. */
export const report = {
  applied<DB>(
    { definition, log }: SliceContext<DB>,
    partition: Partition,
    applied: Applied,
    tookMs: number,
  ): void {
    const { counts, key } = partition;
    const labels = { [attributeNames.consumer]: definition.name, [attributeNames.topic]: key.topic };
    counts.handled += applied.handled;
    counts.duplicates += applied.duplicates;
    counts.skipped += applied.skipped;
    counts.deadLetters += applied.letters.length;
    const made = instruments();
    made.inboxHandled.add(applied.handled, labels);
    if (applied.duplicates > 0) made.inboxDuplicates.add(applied.duplicates, labels);
    made.inboxSliceSize.record(applied.handled, labels);
    made.inboxSliceDuration.recordMs(tookMs, labels);
    for (const { record, envelope, failure, handler, attempts } of applied.letters) {
      const { category, certainty, code } = failure;
      made.deadLetters.add(1, { ...labels, [attributeNames.category]: category });
      const place = { topic: record.topic, partition: record.partition, offset: `${record.offset}` };
      log.error(
        { ...place, event: envelope?.id, handler, category, certainty, code, attempts: attempts.length },
        'dead letter',
      );
    }
  },

  attempt<DB>(
    { definition, log }: SliceContext<DB>,
    steps: readonly Step<DB>[],
    { category, certainty, code, message }: Failure,
    outcome: string,
  ): void {
    const step = steps.find(({ kind }) => kind === 'handle');
    instruments().attempts.add(1, {
      [attributeNames.consumer]: definition.name,
      [attributeNames.category]: category,
      [attributeNames.outcome]: outcome,
      [attributeNames.reason]: code,
    });
    log.warn(
      { offset: `${step?.record.offset ?? ''}`, category, certainty, code, outcome, reason: message },
      'attempt failed',
    );
  },
};
