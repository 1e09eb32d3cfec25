import { type Database, executorOf, kyselyTransaction } from '@convergekit/postgres';
import { systemClock } from '@convergekit/core';
import type { ClaimedStack } from './claim-sql.ts';
import type { Entry } from './entry.ts';
import { StackError } from './errors.ts';
import { type Fold, isEnded, stateOf, type StepFold } from './fold.ts';
import { Journal } from './journal.ts';
import { readStack, takeSql } from './operate-sql.ts';
import { whyNot } from './rules.ts';

import type { ByWhom } from '@convergekit/effects';

/**
 * What a person found out about the step that is stuck.
 * undone        its effect is gone · not_applied: it never took effect · applied: it did, with this result (JSON)
 */
export type Resolution =
  | { readonly kind: 'undone' }
  | { readonly kind: 'not_applied' }
  | { readonly kind: 'applied'; readonly result: string };

type Acting<DB> = Pick<Database<DB>, 'db'>;

/** Has it tried now, whatever was waited for. Throws STACK_NOT_FOUND or STACK_NOT_RESOLVABLE. */
export function retryStack<DB>(database: Acting<DB>, stack: string, id: string, by: ByWhom): Promise<void> {
  return act(database, stack, id, (fold) => {
    const step = fold.steps[(fold.stuck?.step ?? fold.steps.length) - 1];
    return step === undefined ? [] : [operator(step, 'retry', by)];
  });
}

/** Says what became of the step that is stuck, from the other side's records; a worker goes on from there. */
export function resolveStack<DB>(
  database: Acting<DB>,
  stack: string,
  id: string,
  resolution: Resolution,
  by: ByWhom,
): Promise<void> {
  return act(database, stack, id, (fold) => {
    const step = stuckStep(fold, stack, id);
    return [operator(step, 'resolve', by), resolved(step, resolution)];
  });
}

/** Lets go of the effect that cannot be undone: it stays, and what was done before it is undone. */
export function forgetStep<DB>(database: Acting<DB>, stack: string, id: string, by: ByWhom): Promise<void> {
  return act(database, stack, id, (fold) => {
    const step = stuckStep(fold, stack, id);
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
      const message = 'a person found that it never took effect';
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
  { actor, note }: ByWhom,
): Entry {
  return { kind: 'operator', step, path, act: doing, actor, note };
}

function stuckStep(fold: Fold, stack: string, id: string): StepFold {
  const step = fold.steps[(fold.stuck?.step ?? 0) - 1];
  if (step === undefined)
    throw refused(stack, id, 'none of its steps is stuck: there is nothing to say about it');
  return step;
}

/** In one transaction: takes it, unless somebody is at it, reads it, writes what the person says, and makes it due. */
async function act<DB>(
  { db }: Acting<DB>,
  stack: string,
  id: string,
  entriesOf: (fold: Fold) => readonly Entry[],
): Promise<void> {
  await kyselyTransaction(db, {}, async (tx) => {
    const executor = executorOf(tx);
    const { rows } = await executor.query<Omit<ClaimedStack, 'nowMs'> & { nowMs: string }>(takeSql, [
      stack,
      id,
    ]);
    const [taken] = rows;
    if (taken === undefined) {
      await readStack(executor, stack, id); // says so when there is none
      throw refused(stack, id, 'a process is at it right now: wait until its lease has ended');
    }
    const journal = await Journal.of({ ...taken, nowMs: Number(taken.nowMs) }, executor, systemClock);
    if (isEnded(journal.fold))
      throw refused(stack, id, `it is ${stateOf(journal.fold)}, which nothing changes any more`);
    const entries = entriesOf(journal.fold);
    const [first, second] = entries;
    const why = [first, second]
      .map((entry) => entry && whyNot(journal.fold, entry))
      .find((one) => one !== undefined);
    if (why !== undefined) throw refused(stack, id, why);
    await journal.write(entries, { kind: 'due', inMs: 0 });
  });
}

function refused(stack: string, id: string, why: string): StackError {
  return new StackError('STACK_NOT_RESOLVABLE', `${stack} ${id} was left as it is: ${why}`, {
    category: 'data',
  });
}
