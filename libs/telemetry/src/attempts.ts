import { type Attributes, trace } from '@opentelemetry/api';
import { type Failure } from '@convergekit/core';
import {
  type AttemptReport,
  type BreakerState,
  kindOf,
  type OperationContext,
  type Policy,
  type RetryBudget,
  type RetryDecision,
  type Wait,
} from '@convergekit/resilience';
import { boundedLabel } from './bounded-label.ts';
import { instruments } from './instruments.ts';
import { attributeNames, spanEvents, spanNames } from './names.ts';
import { withSpan } from './spans.ts';

/** One attempt, for its metrics. `labels` say whose it was: an operation, or a consumer with its handler. */
export interface AttemptSeen {
  readonly labels: Attributes;
  /** What followed, or `applied`. */
  readonly outcome: string;
  /** Absent when it succeeded. */
  readonly failure?: Pick<Failure, 'category' | 'code' | 'structural'> | undefined;
  readonly wait?: Wait | undefined;
  /** So many of them at once. @default 1 */
  readonly count?: number;
}

/** Counts an attempt; its wait goes into the histogram and, with all that it was computed from, into the active span. */
export function countAttempt({ labels, outcome, failure, wait, count = 1 }: AttemptSeen): void {
  const made = instruments();
  made.attempts.add(count, {
    ...labels,
    [attributeNames.outcome]: outcome,
    [attributeNames.category]: failure?.category ?? 'none',
    [attributeNames.failureKind]: failure === undefined ? 'none' : kindOf(failure),
    [attributeNames.reason]:
      failure === undefined ? 'none' : boundedLabel(attributeNames.reason, failure.code),
  });
  if (wait === undefined) return;
  made.attemptWait.recordMs(wait.computedMs, { ...labels, [attributeNames.waitRule]: wait.rule });
  trace.getActiveSpan()?.addEvent(spanEvents.wait, waitAttributes(wait));
}

/** What a wait was computed from, for spans. */
export function waitAttributes({ computedMs, hintMs, capMs, budgetLeft, rule }: Wait): Attributes {
  return {
    [attributeNames.waitRule]: rule,
    [attributeNames.waitComputed]: computedMs,
    [attributeNames.waitCap]: capMs,
    ...(hintMs === undefined ? {} : { [attributeNames.waitHint]: hintMs }),
    ...(budgetLeft === undefined ? {} : { [attributeNames.waitBudgetLeft]: budgetLeft }),
  };
}

/** An attempt's number as a label: 1, 2, 3, or more. */
export function numberLabel(number: number): string {
  return number > 3 ? '4+' : String(number);
}

export interface ObservedOperation {
  /** Its name, as in policies. */
  readonly operation: string;
  /** Its budget's level is reported after each attempt. @default none */
  readonly budget?: Pick<RetryBudget, 'level'>;
  /** @default none */
  readonly objective?: Policy['objective'];
}

/** For `onAttempt` of an operation: counts, times and waits, with bounded labels. */
export function observeAttempts({
  operation,
  budget,
  objective,
}: ObservedOperation): (report: AttemptReport) => void {
  const labels = {
    [attributeNames.operationName]: operation,
    ...(objective === undefined ? {} : { [attributeNames.objective]: objective.name }),
  };
  return ({ attempt, durationMs, failure, decision }) => {
    const made = instruments();
    made.attemptDuration.recordMs(durationMs, {
      ...labels,
      [attributeNames.outcome]: failure === undefined ? 'ok' : 'failed',
      [attributeNames.attempt]: numberLabel(attempt),
    });
    const gaveUp = decision?.kind === 'give_up' ? { [attributeNames.giveUp]: decision.reason } : {};
    const wait = decision !== undefined && 'wait' in decision ? decision.wait : undefined;
    countAttempt({ labels: { ...labels, ...gaveUp }, outcome: outcomeOf(decision), failure, wait });
    if (budget !== undefined)
      made.retryBudget.record(budget.level, { [attributeNames.operationName]: operation });
    if (objective !== undefined) promiseObjective(objective);
  };
}

/**
 * Wraps the `call` of an operation: each attempt is a span with its number, below the span of whoever runs the operation,
 * and what the call does to the other system is below it. Failed ones have the error's code, the wait is told by
 * `observeAttempts`.
 */
export function traceAttempts<Input, Output>(
  operation: string,
  call: (input: Input, context: OperationContext) => Promise<Output>,
): (input: Input, context: OperationContext) => Promise<Output> {
  return (input, context) => {
    const attributes = {
      [attributeNames.operationName]: operation,
      [attributeNames.attempt]: context.attempt,
    };
    return withSpan(spanNames.attempt(operation), { kind: 'client', attributes }, () => call(input, context));
  };
}

/** The promise of an objective, so that its burn can be computed where the attempts are counted. */
export function promiseObjective({ name, target }: NonNullable<Policy['objective']>): void {
  instruments().objectiveTarget.record(target, { [attributeNames.objective]: name });
}

function outcomeOf(decision: RetryDecision | undefined): string {
  switch (decision?.kind) {
    case undefined:
      return 'applied';
    case 'again':
      return 'retry'; // the word that consumers use for the same
    case 'rerun':
    case 'give_up':
      return decision.kind;
  }
}

const states: Readonly<Record<BreakerState['kind'], number>> = {
  closed: 0,
  half_open: 1,
  open: 2,
  isolated: 3,
};

/** For `onBreaker` of the shared guards: the state as a gauge, and each change counted. */
export function observeBreaker(operation: string, kind: BreakerState['kind']): void {
  const labels = { [attributeNames.operationName]: operation };
  const made = instruments();
  made.breakerState.record(states[kind], labels);
  made.breakerChanges.add(1, { ...labels, [attributeNames.breakerState]: kind });
  trace
    .getActiveSpan()
    ?.addEvent(attributeNames.breakerState, { ...labels, [attributeNames.breakerState]: kind });
}
