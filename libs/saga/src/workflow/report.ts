import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import type { WorkflowStuckReason } from './entry.ts';
import type { Held } from './journal-sql.ts';

/** Counts and log lines of workflows, in one place. Ids and codes only, never intents or results. */
export const report = {
  compensating(log: Logger, { workflow, id }: Held, scope: string, trigger: string, code: string): void {
    log.warn({ workflow, id, scope, trigger, code }, 'what was done is undone, the last step first');
  },

  stuck(log: Logger, { workflow, id }: Held, step: string, reason: WorkflowStuckReason): void {
    log.error(
      { alarm: 'workflow_stuck', workflow, id, step, reason },
      'a workflow waits for an operator: see `converge workflow show`, then retry or resolve',
    );
  },

  ended(log: Logger, { workflow, id }: Held, outcome: string): void {
    instruments().effects.add(1, { [attributeNames.effect]: workflow, [attributeNames.outcome]: outcome });
    log.info({ workflow, id, outcome }, 'a workflow has ended');
  },
};
