import { statedFailure } from '../../calls/work/work.ts';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { type Operator, recordAct } from '@convergekit/postgres/operate';
import { systemClock } from '@convergekit/core';
import type { Entry, OperatorAct } from '../entry.ts';
import { SagaError } from '../../errors.ts';
import { type Fold, foldRows, isEnded, stateOf, type StepFold } from '../fold.ts';
import { Journal } from '../journal.ts';
import type { WorkflowKey } from '../journal-sql.ts';
import { whyNot } from '../rules.ts';
import { readWorkflow, type TakenWorkflow, takeWorkflow } from '../workflow-sql.ts';

/**
 * What an operator states about the step that is stuck.
 * succeeded   it took effect, with this result (JSON) · failed: it certainly took no effect
 * undone      its effect is gone · effect_stays: it cannot be undone, and stays; what was done before it is undone
 */
export type StatedResult =
  | { readonly kind: 'succeeded'; readonly result: string }
  | { readonly kind: 'failed'; readonly code: string }
  | { readonly kind: 'undone' | 'effect_stays' };

/** The step of a workflow that waits for an operator. */
type StuckStep = NonNullable<Fold['stuck']> & Pick<StepFold, 'path'>;

/** What waits of a workflow, for the question whether to act. Throws WORKFLOW_NOT_FOUND or WORKFLOW_NOT_RESOLVABLE. */
export async function stuckStepOf(executor: Executor, of: WorkflowKey): Promise<StuckStep> {
  return stuckIn(foldRows((await readWorkflow(executor, of)).journal), of);
}

type Acting = Pick<Database, 'acquire'>;

/** Has it tried now, whatever was waited for. Throws WORKFLOW_NOT_FOUND or WORKFLOW_NOT_RESOLVABLE. */
export function retryWorkflow(database: Acting, of: WorkflowKey, by: Operator): Promise<void> {
  return act(database, of, (fold, { isDue }) => {
    if (isDue && fold.stuck === undefined) throw refused(of, 'it is due already: a worker takes it next');
    const step = fold.steps[(fold.stuck?.step ?? fold.steps.length) - 1];
    return step === undefined ? [] : [operator(step, 'retry', by)];
  });
}

/**
 * States what became of the step that is stuck, from the other side's records; a worker continues from there. `seen`: the step that
 * the operator decided about. Throws WORKFLOW_NOT_FOUND, or WORKFLOW_NOT_RESOLVABLE: also when another step is stuck by now.
 */
export function resolveWorkflow(
  database: Acting,
  of: WorkflowKey,
  stated: StatedResult,
  by: Operator,
  seen?: Pick<StuckStep, 'step'>,
): Promise<void> {
  return act(database, of, (fold) => {
    const step = stuckIn(fold, of);
    if (seen !== undefined && step.step !== seen.step)
      throw refused(of, `step ${step.step} (${step.path}) is stuck by now, and not step ${seen.step}`);
    return [
      operator(step, stated.kind === 'effect_stays' ? 'forget' : 'resolve', by),
      entryOfStated(step, stated, by.reason),
    ];
  });
}

function entryOfStated({ step, path }: StuckStep, stated: StatedResult, reason: string): Entry {
  const at = { step, path, by: 'operator' } as const;
  switch (stated.kind) {
    case 'undone':
      return { kind: 'undone', ...at, outcome: 'done' };
    case 'effect_stays':
      return { kind: 'undone', ...at, outcome: 'forgotten' };
    case 'succeeded':
      return { kind: 'result', ...at, result: stated.result };
    case 'failed':
      return { kind: 'failed', ...at, failure: statedFailure(stated.code, reason) };
  }
}

function operator(
  { step, path }: Pick<StepFold, 'step' | 'path'>,
  doing: OperatorAct,
  { by, reason }: Operator,
): Entry {
  return { kind: 'operator', step, path, act: doing, actor: by, note: reason };
}

function stuckIn(fold: Fold, of: WorkflowKey): StuckStep {
  const { stuck } = fold;
  const step = stuck && fold.steps[stuck.step - 1];
  if (stuck === undefined || step === undefined)
    throw refused(of, 'none of its steps is stuck: there is nothing to say about it');
  return { ...stuck, path: step.path };
}

/** Applies an operator's decision in one transaction, unless a process holds the workflow, and makes it due. */
async function act(
  database: Acting,
  of: WorkflowKey,
  entriesOf: (fold: Fold, taken: TakenWorkflow) => readonly Entry[],
): Promise<void> {
  await withTransaction(database, {}, async (tx) => {
    const taken = await takeWorkflow(tx, of);
    if (taken === undefined) {
      await readWorkflow(tx, of); // says so when there is none
      throw refused(of, 'a process holds it: wait until its lease has ended');
    }
    const journal = await Journal.of(taken, tx, systemClock);
    if (isEnded(journal.fold))
      throw refused(of, `it is ${stateOf(journal.fold)}, which nothing changes any more`);
    const entries = entriesOf(journal.fold, taken);
    const why = entries.map((entry) => whyNot(journal.fold, entry)).find((one) => one !== undefined);
    if (why !== undefined) throw refused(of, why);
    await journal.write(entries, { kind: 'due', inMs: 0 });
    const [first] = entries;
    if (first?.kind !== 'operator') return;
    const { act: did, actor, note, path } = first;
    const before = { step: path };
    await recordAct(tx, { act: `workflow ${did}`, subject: nameOf(of), by: actor, reason: note, before });
  });
}

const nameOf = ({ workflow, id }: WorkflowKey): string => `${workflow} ${id}`;

function refused(of: WorkflowKey, why: string): SagaError {
  const message = `${nameOf(of)} was left as it is: ${why}`;
  return new SagaError('WORKFLOW_NOT_RESOLVABLE', message, { category: 'data' });
}
