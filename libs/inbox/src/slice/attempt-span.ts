import {
  attributeNames,
  failSpan,
  inSpan,
  openSpan,
  spanNames,
  traceparentOf,
  waitAttributes,
} from '@convergekit/telemetry';
import type { Step } from '../decide/plan.ts';
import { inProcessSpan } from '../middleware/trace.ts';
import type { Attempt } from '../story/attempt.ts';

/** The `process` span of the one event of these steps, around all its attempts; just `fn` when there is no event. */
export function aroundAttempts<DB, T>(
  consumer: string,
  steps: readonly Step<DB>[],
  fn: () => Promise<T>,
): Promise<T> {
  const step = steps.find(({ kind }) => kind === 'handle');
  if (step?.kind !== 'handle') return fn();
  return inProcessSpan({ consumer, subscription: step.subscription, events: [step.event] }, fn);
}

export interface AttemptSpan {
  readonly traceparent: string | undefined;
  run<T>(fn: () => Promise<T>): Promise<T>;
  /** `applied`, what followed a failure, or why nobody knows. */
  end(outcome: string, failed?: Attempt): void;
}

/** A child of the `process` span for each attempt: what it called is below it, and its wait is told by it. */
export function attemptSpan(handler: string, number: number): AttemptSpan {
  const attributes = { [attributeNames.handler]: handler, [attributeNames.attempt]: number };
  const span = openSpan(spanNames.attempt(handler), { kind: 'internal', attributes });
  return {
    traceparent: traceparentOf(span),
    run: (fn) => inSpan(span, fn),
    end: (outcome, failed) => {
      if (span === undefined) return;
      span.setAttribute(attributeNames.outcome, outcome);
      if (failed !== undefined) {
        const { category, certainty, code, wait } = failed;
        span.setAttributes({
          [attributeNames.category]: category,
          [attributeNames.certainty]: certainty,
          [attributeNames.reason]: code,
          ...(wait === undefined ? {} : waitAttributes(wait)),
        });
        failSpan(span, code);
      }
      span.end();
    },
  };
}
