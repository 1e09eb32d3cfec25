import { attributeNames, countAttempt, recordDuration } from '@convergekit/telemetry/engine';
import type { Next } from '../work/decide.ts';
import { isRefused, type WorkAttempt } from '../work/work.ts';

/** The attempts of one run of an effect. */
export interface RunAttempts {
  readonly effect: string;
  /** The number of attempts in earlier runs. */
  readonly earlier: number;
  readonly attempts: readonly WorkAttempt[];
  /** What follows the last attempt. */
  readonly next: Next;
}

/** Records the attempts of a run that were made: each one with its number, duration, outcome and reason, and the wait after it. */
export function recordAttempts({ effect, earlier, attempts, next }: RunAttempts): void {
  const labels = { [attributeNames.effect]: effect };
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
