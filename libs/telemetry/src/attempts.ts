import { type Attributes, trace } from '@opentelemetry/api';
import { type Failure } from '@convergekit/core';
import {
  type AttemptReport,
  type BreakerState,
  kindOf,
  type RetryDecision,
  type Wait,
  type RetryBudget,
} from '@convergekit/resilience/engine';
import type { OperationContext, Policy } from '@convergekit/resilience';
import { instruments } from './instruments.ts';
import { inAttempt } from './attempt-span.ts';
import { attributeNames, type Labels, spanEvents } from './names.ts';

type AttemptLabel = (typeof attributeNames)[
  'consumer' | 'handler' | 'call' | 'operationName' | 'objective' | 'giveUp'];

/** An attempt, as metrics record it. `labels` identify an operation, a call, or a consumer and its handler. */
export interface AttemptRecord {
  readonly labels: Labels<AttemptLabel>;
  /** The objective that the attempt counts for: its burn rate is computed from the attempts. @default none */
  readonly objective?: Policy['objective'];
  /** The decision that followed, or `applied`. */
  readonly outcome: string;
  /** The failure; absent after a success. */
  readonly failure?: Pick<Failure, 'category' | 'code' | 'structural'> | undefined;
  readonly wait?: RecordedWait | undefined;
  /** Number of equal attempts. @default 1 */
  readonly count?: number;
}

/** Counts an attempt. Its wait is recorded in the histogram, and with all its inputs in the active span. */
export function countAttempt(attempt: AttemptRecord): void {
  const { objective, outcome, failure, wait, count = 1 } = attempt;
  const objectiveLabel = objective === undefined ? {} : { [attributeNames.objective]: objective.name };
  const labels = { ...attempt.labels, ...objectiveLabel };
  const made = instruments();
  if (objective !== undefined) made.objectiveTarget.record(objective.target, objectiveLabel);
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

/** A wait before the next attempt. The rule may be one of an engine. */
export type RecordedWait = Omit<Wait, 'rule'> & { readonly rule: string };

/** Returns the inputs of a wait as span attributes. */
export function waitAttributes({ computedMs, hintMs, capMs, budgetLeft, rule }: RecordedWait): Attributes {
  return {
    [attributeNames.waitRule]: rule,
    [attributeNames.waitComputed]: computedMs,
    [attributeNames.waitCap]: capMs,
    ...(hintMs === undefined ? {} : { [attributeNames.waitHint]: hintMs }),
    ...(budgetLeft === undefined ? {} : { [attributeNames.waitBudgetLeft]: budgetLeft }),
  };
}

/** An attempt that has ended. */
export interface EndedAttempt {
  readonly labels: Labels<AttemptLabel>;
  readonly durationMs: number;
  /** The number over all runs, from 1. */
  readonly number: number;
  readonly failed: boolean;
}

/** Records the duration of an attempt, by its outcome and number. */
export function recordDuration({ labels, durationMs, number, failed }: EndedAttempt): void {
  instruments().attemptDuration.recordMs(durationMs, {
    ...labels,
    [attributeNames.outcome]: failed ? 'failed' : 'ok',
    [attributeNames.attempt]: numberLabel(number),
  });
}

/** Formats an attempt's number as a label: 1, 2, 3, or more. */
function numberLabel(number: number): string {
  return number > 3 ? '4+' : String(number);
}

export interface ObservedOperation {
  /** The operation's name, as in policies. */
  readonly operation: string;
  /** A budget whose level is recorded after each attempt. @default none */
  readonly budget?: Pick<RetryBudget, 'level'>;
  /** The service level objective that its attempts count for. @default none */
  readonly objective?: Policy['objective'];
}

/**
 * Creates an `onAttempt` for an operation: records counts, durations and waits with bounded labels.
 * @example
 * ```ts
 * import { defaultPolicy, retry, systemClock, systemRandom } from 'convergekit';
 * import { observeAttempts } from 'convergekit/telemetry';
 *
 * const onAttempt = observeAttempts({ operation: 'rates.read' });
 * const options = { policy: defaultPolicy, clock: systemClock, random: systemRandom, onAttempt };
 * const rates = await retry((_, signal) => fetch('https://rates.example', { signal }), options);
 * ```
 */
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
    recordDuration({ labels, durationMs, number: attempt, failed: failure !== undefined });
    const gaveUp = decision?.kind === 'give_up' ? { [attributeNames.giveUp]: decision.reason } : {};
    const wait = decision !== undefined && 'wait' in decision ? decision.wait : undefined;
    countAttempt({
      labels: { ...labels, ...gaveUp },
      objective,
      outcome: outcomeOf(decision),
      failure,
      wait,
    });
    if (budget !== undefined)
      made.retryBudget.record(budget.level, { [attributeNames.operationName]: operation });
  };
}

/**
 * Wraps the `call` of an operation: each attempt becomes a numbered span under the caller's span.
 * Spans of the call itself are below it. A failed attempt has its reason; `observeAttempts` records the wait.
 * @example
 * ```ts
 * import type { OperationContext } from 'convergekit';
 * import { traceAttempts } from 'convergekit/telemetry';
 * import { bank, type Order } from './shop.ts';
 *
 * // The `call` of an operation: each attempt is a span.
 * export const call = traceAttempts('payment.charge', (order: Order, context: OperationContext) =>
 *   bank.charge(order, context.idempotencyKey ?? '', context.signal),
 * );
 * ```
 */
export function traceAttempts<Input, Output>(
  operation: string,
  call: (input: Input, context: OperationContext) => Promise<Output>,
): (input: Input, context: OperationContext) => Promise<Output> {
  const labels = { [attributeNames.operationName]: operation };
  return (input, context) =>
    inAttempt({ name: operation, number: context.attempt, labels }, () => call(input, context));
}

function outcomeOf(decision: RetryDecision | undefined): string {
  switch (decision?.kind) {
    case undefined:
      return 'applied';
    case 'again':
      return 'retry'; // consumers use the same word, `retry`
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

/** An `onBreaker` for the shared guards: records the state as a gauge and counts each change. */
export function observeBreaker(operation: string, kind: BreakerState['kind']): void {
  const labels = { [attributeNames.operationName]: operation };
  const made = instruments();
  made.breakerState.record(states[kind], labels);
  made.breakerChanges.add(1, { ...labels, [attributeNames.breakerState]: kind });
  trace
    .getActiveSpan()
    ?.addEvent(attributeNames.breakerState, { ...labels, [attributeNames.breakerState]: kind });
}

const MOST = 100;
const seen = new Map<string, Set<string>>();

/**
 * Bounds the values of a label that come from outside, such as an error's code.
 * The first hundred values of a label are kept, later ones become `other`. An error with an id in its code must not
 * create a time series each time.
 */
export function boundedLabel(name: string, value: string): string {
  const values = seen.get(name) ?? new Set<string>();
  seen.set(name, values);
  if (values.has(value)) return value;
  if (values.size >= MOST || value.length > 100) return 'other';
  values.add(value);
  return value;
}
