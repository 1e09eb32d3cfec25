import { attributeNames, instruments, type Logger } from '@convergekit/telemetry';
import type { WorkAttempt } from '@convergekit/effects/engine';
import type { StackStuckReason } from './entry.ts';
import type { Held } from './journal-sql.ts';

/** Counts and log lines of stacks, in one place. Ids and codes only, never intents or results. */
export const report = {
  attempts(log: Logger, step: string, op: string, attempts: readonly WorkAttempt[], next: string): void {
    for (const { failure } of attempts) {
      if (failure === undefined) continue;
      const { category, certainty, code, message } = failure;
      instruments().attempts.add(1, {
        [attributeNames.effect]: step,
        [attributeNames.category]: category,
        [attributeNames.outcome]: next,
        [attributeNames.reason]: code,
      });
      log.warn({ effect: step, op, category, certainty, code, next, reason: message }, 'attempt failed');
    }
  },

  compensating(log: Logger, { stack, id }: Held, scope: string, trigger: string, code: string): void {
    log.warn({ stack, id, scope, trigger, code }, 'what was done is undone, the last step first');
  },

  stuck(log: Logger, { stack, id }: Held, step: string, reason: StackStuckReason): void {
    log.error(
      { stack, id, step, reason },
      'a stack waits for a person: see `converge workflow show`, then retry, resolve or forget',
    );
  },

  ended(log: Logger, { stack, id }: Held, outcome: string): void {
    instruments().effects.add(1, { [attributeNames.effect]: stack, [attributeNames.outcome]: outcome });
    log.info({ stack, id, outcome }, 'a stack has ended');
  },

  undeclared(log: Logger, { stack, id }: Held, step: string): void {
    log.error(
      { stack, id, step },
      'a stack has a step that this code does not declare: it waits for code that does',
    );
  },
};
