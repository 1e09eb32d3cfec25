import {
  type Attributes,
  attributeNames,
  countAttempt,
  instruments,
  promiseObjective,
} from '@converge/telemetry';
import type { Step } from '../decide/plan.ts';
import type { Attempt } from '../story/attempt.ts';
import type { Applied } from './apply-slice.ts';
import type { Partition, SliceContext } from './context.ts';

/** Counts and log lines of slices, in one place. Ids and codes only, never payloads. */
export const report = {
  applied<DB>(context: SliceContext<DB>, partition: Partition, applied: Applied, tookMs: number): void {
    const { definition, log } = context;
    const { counts, key } = partition;
    const handled = countApplied(context, applied.handled);
    const labels = { [attributeNames.consumer]: definition.name, [attributeNames.topic]: key.topic };
    counts.handled += handled;
    counts.duplicates += applied.duplicates;
    counts.skipped += applied.skipped;
    counts.deadLetters += applied.letters.length;
    const made = instruments();
    made.inboxHandled.add(handled, labels);
    if (applied.duplicates > 0) made.inboxDuplicates.add(applied.duplicates, labels);
    made.inboxSliceSize.record(handled, labels);
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
    context: SliceContext<DB>,
    steps: readonly Step<DB>[],
    handler: string,
    { number, category, certainty, code, message, outcome, wait }: Attempt,
  ): void {
    countAttempt({ labels: handlerLabels(context, handler), outcome, failure: { category, code }, wait });
    const step = steps.find(({ kind }) => kind === 'handle');
    const place = { offset: `${step?.record.offset ?? ''}`, handler, attempt: number };
    // What is wrong with an event or with the code is told by quoting the event; the stored attempt has it.
    const quotes = category === 'data' || category === 'bug';
    const reason = quotes ? {} : { reason: message };
    context.log.warn({ ...place, category, certainty, code, outcome, wait, ...reason }, 'attempt failed');
  },
};

function handlerLabels<DB>({ definition, inPlace }: SliceContext<DB>, handler: string): Attributes {
  const { objective } = inPlace(handler);
  return {
    [attributeNames.consumer]: definition.name,
    [attributeNames.handler]: handler,
    ...(objective === undefined ? {} : { [attributeNames.objective]: objective.name }),
  };
}

function countApplied<DB>(context: SliceContext<DB>, handled: Applied['handled']): number {
  let total = 0;
  for (const [handler, count] of handled) {
    const { objective } = context.inPlace(handler);
    if (objective !== undefined) promiseObjective(objective);
    countAttempt({ labels: handlerLabels(context, handler), outcome: 'applied', count });
    total += count;
  }
  return total;
}
