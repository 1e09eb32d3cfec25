import { attributeNames, countAttempt, recordDuration } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import type { Next } from '../work/decide.ts';
import { isRefused, type WorkAttempt } from '../work/work.ts';

/** The attempts of one run of a call. */
export interface RunAttempts {
  readonly call: string;
  /** The number of attempts in earlier runs. */
  readonly earlier: number;
  readonly attempts: readonly WorkAttempt[];
  /** What follows the last attempt. */
  readonly next: Next;
}

/** Records the attempts of a run that were made: each one with its number, duration, outcome and reason, and the wait after it. */
export function recordAttempts({ call, earlier, attempts, next }: RunAttempts): void {
  const labels = { [attributeNames.call]: call };
  for (const [index, attempt] of attempts.entries()) {
    // A breaker that refused the call is seen in its own metric: nothing was attempted.
    if (isRefused(attempt)) continue;
    const { failure, durationMs, wait } = attempt;
    const last = index === attempts.length - 1;
    const failed = failure !== undefined;
    recordDuration({ labels, durationMs, number: earlier + index + 1, failed });
    countAttempt({
      labels,
      outcome: !failed ? 'applied' : last ? outcomeOf(next) : 'retry',
      failure: failure && { ...failure, structural: false },
      wait: wait ?? (last && next.kind === 'again' ? next.wait : undefined),
    });
  }
}

/** Records the attempts of a run, and logs those that failed. `of`: the fields that name the work. */
export function reportAttempts(
  log: Logger,
  of: Readonly<Record<string, unknown>>,
  run: RunAttempts,
  hide: (text: string) => string = (text) => text,
): void {
  recordAttempts(run);
  for (const attempt of run.attempts) {
    const { failure, op } = attempt;
    // A refusal by a breaker is no attempt: it is stored as a wait, and the breaker's metric shows it.
    if (failure === undefined || isRefused(attempt)) continue;
    const { category, certainty, code, message } = failure;
    log.warn(
      { ...of, op, category, certainty, code, next: run.next.kind, reason: hide(message) },
      'attempt failed',
    );
  }
}

/** Pure: the outcome of a failed attempt, in the words that consumers use as well. */
export function outcomeOf(next: Next): string {
  switch (next.kind) {
    case 'succeed':
      return 'applied';
    case 'again':
      return 'retry';
    case 'stuck':
      return 'stuck';
    case 'fail':
      return next.failure.category === 'business' ? 'reject' : 'give_up';
  }
}
