import type { Failure } from '@converge/resilience';
import { attributeNames, instruments, type Logger } from '@converge/telemetry';
import type { Next } from '../work/decide.ts';
import type { ClaimedWork, WorkAttempt } from '../work/work.ts';

/** Counts and log lines of the worker, in one place. Ids and codes only, never inputs or results. */
export const report = {
  attempts(log: Logger, work: ClaimedWork, attempts: readonly WorkAttempt[], next: Next): void {
    for (const { failure, op, wait } of attempts) {
      if (failure === undefined) continue;
      const { category, certainty, code, message } = failure;
      instruments().attempts.add(1, {
        [attributeNames.effect]: work.effect,
        [attributeNames.category]: category,
        [attributeNames.outcome]: next.kind,
        [attributeNames.reason]: code,
      });
      if (wait !== undefined)
        instruments().attemptWait.recordMs(wait.computedMs, { [attributeNames.effect]: work.effect });
      log.warn(
        { ...named(work), op, category, certainty, code, next: next.kind, reason: message },
        'attempt failed',
      );
    }
  },

  ended(log: Logger, work: ClaimedWork, processed: string): void {
    if (processed !== 'again')
      instruments().effects.add(1, {
        [attributeNames.effect]: work.effect,
        [attributeNames.outcome]: processed,
      });
    if (processed === 'stuck')
      log.error(named(work), 'an effect waits for a person: see `converge effects show`');
    else if (processed === 'lost')
      log.warn(named(work), 'the lease had gone to another worker; what was known here is dropped');
  },

  compensationStuck(log: Logger, work: ClaimedWork): void {
    const { key, story } = work;
    const last = story.findLast(({ failure }) => failure !== undefined)?.failure;
    log.error(
      { alarm: 'compensation_stuck', ...named(work), key, code: last?.code, reason: last?.message },
      'an undo has failed for too long: it is tried on, but somebody should look; `converge saga resolve` where it was done by hand',
    );
  },

  settlementFailed(log: Logger, work: ClaimedWork, { category, code, message }: Failure): void {
    log.error(
      { ...named(work), category, code, reason: message },
      'the outcome is known, but what follows from it failed: it is settled again later',
    );
  },

  undeclared(log: Logger, effects: readonly { readonly effect: string; readonly count: number }[]): void {
    for (const { effect, count } of effects) {
      instruments().effectsUndeclared.record(count, { [attributeNames.effect]: effect });
      log.error(
        { effect, count },
        'intents wait whose effect no worker declares: deploy the code that does, or `converge effects resolve` them',
      );
    }
  },
};

function named({ id, effect, cause }: ClaimedWork) {
  return { work: id, effect, event: cause.eventId };
}
