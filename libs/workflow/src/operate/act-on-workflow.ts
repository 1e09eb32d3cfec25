import { type Database, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { systemClock } from '@convergekit/core';
import type { ClaimedWorkflow } from '../claim-sql.ts';
import type { Entry } from '../entry.ts';
import { WorkflowError } from '../errors.ts';
import { type Fold, isEnded, stateOf, type StepFold } from '../fold.ts';
import { Journal } from '../journal.ts';
import { readWorkflow, takeSql } from './workflow-sql.ts';
import { whyNot } from '../rules.ts';

import type { ActingOperator } from '@convergekit/effects/engine';

/**
 * What an operator found out about the step that is stuck.
 * undone        its effect is gone · not_applied: it never took effect · applied: it did, with this result (JSON)
 */
export type Resolution =
  | { readonly kind: 'undone' }
  | { readonly kind: 'not_applied' }
  | { readonly kind: 'applied'; readonly result: string };

type Acting<DB> = Pick<Database<DB>, 'db'>;

/** Has it tried now, whatever was waited for. Throws WORKFLOW_NOT_FOUND or WORKFLOW_NOT_RESOLVABLE. */
export function retryWorkflow<DB>(
  database: Acting<DB>,
  workflow: string,
  id: string,
  by: ActingOperator,
): Promise<void> {
  return act(database, workflow, id, (fold) => {
    const step = fold.steps[(fold.stuck?.step ?? fold.steps.length) - 1];
    return step === undefined ? [] : [operator(step, 'retry', by)];
  });
}

/** Says what became of the step that is stuck, from the other side's records; a worker goes on from there. */
export function resolveWorkflow<DB>(
  database: Acting<DB>,
  workflow: string,
  id: string,
  resolution: Resolution,
  by: ActingOperator,
): Promise<void> {
  return act(database, workflow, id, (fold) => {
    const step = stuckStep(fold, workflow, id);
    return [operator(step, 'resolve', by), resolved(step, resolution)];
  });
}

/** Lets go of the effect that cannot be undone: it stays, and what was done before it is undone. */
export function forgetStep<DB>(
  database: Acting<DB>,
  workflow: string,
  id: string,
  by: ActingOperator,
): Promise<void> {
  return act(database, workflow, id, (fold) => {
    const step = stuckStep(fold, workflow, id);
    const { step: number, path } = step;
    return [
      operator(step, 'forget', by),
      { kind: 'undone', step: number, path, outcome: 'forgotten', by: 'operator' },
    ];
  });
}

function resolved({ step, path }: StepFold, resolution: Resolution): Entry {
  switch (resolution.kind) {
    case 'undone':
      return { kind: 'undone', step, path, outcome: 'done', by: 'operator' };
    case 'applied':
      return { kind: 'result', step, path, result: resolution.result, by: 'operator' };
    case 'not_applied': {
      const message = 'an operator found that it never took effect';
      const failure = {
        category: 'service',
        certainty: 'not_applied',
        code: 'NOT_APPLIED',
        message,
      } as const;
      return { kind: 'failed', step, path, failure, by: 'operator' };
    }
  }
}

function operator(
  { step, path }: StepFold,
  doing: 'retry' | 'resolve' | 'forget',
  { actor, note }: ActingOperator,
): Entry {
  return { kind: 'operator', step, path, act: doing, actor, note };
}

function stuckStep(fold: Fold, workflow: string, id: string): StepFold {
  const step = fold.steps[(fold.stuck?.step ?? 0) - 1];
  if (step === undefined)
    throw refused(workflow, id, 'none of its steps is stuck: there is nothing to say about it');
  return step;
}

/** Applies an operator's decision in one transaction, unless a process holds the workflow, and makes it due. */
async function act<DB>(
  { db }: Acting<DB>,
  workflow: string,
  id: string,
  entriesOf: (fold: Fold) => readonly Entry[],
): Promise<void> {
  await kyselyTransaction(db, {}, async (tx) => {
    const executor = executorOf(tx);
    const { rows } = await executor.query<Omit<ClaimedWorkflow, 'nowMs'> & { nowMs: string }>(takeSql, [
      workflow,
      id,
    ]);
    const [taken] = rows;
    if (taken === undefined) {
      await readWorkflow(executor, workflow, id); // says so when there is none
      throw refused(workflow, id, 'a process holds it: wait until its lease has ended');
    }
    const journal = await Journal.of({ ...taken, nowMs: Number(taken.nowMs) }, executor, systemClock);
    if (isEnded(journal.fold))
      throw refused(workflow, id, `it is ${stateOf(journal.fold)}, which nothing changes any more`);
    const entries = entriesOf(journal.fold);
    const [first, second] = entries;
    const why = [first, second]
      .map((entry) => entry && whyNot(journal.fold, entry))
      .find((one) => one !== undefined);
    if (why !== undefined) throw refused(workflow, id, why);
    await journal.write(entries, { kind: 'due', inMs: 0 });
  });
}

function refused(workflow: string, id: string, why: string): WorkflowError {
  return new WorkflowError('WORKFLOW_NOT_RESOLVABLE', `${workflow} ${id} was left as it is: ${why}`, {
    category: 'data',
  });
}
