import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { StoredFailure } from '../calls/work/work.ts';
import { settle } from './do-step.ts';
import { type CompensateTrigger, stepNameOf } from './entry.ts';
import type { StepFold } from './fold.ts';
import { nextMove } from './plan.ts';
import type { BoundStep } from './step.ts';
import { markStuck, record, slowMs, type Turn } from './turn.ts';
import { undoStep } from './undo-step.ts';

/** Writes down that a path is undone from here on, and why. */
export async function beginUndo(
  turn: Turn,
  path: string,
  trigger: CompensateTrigger,
  failure: StoredFailure,
): Promise<void> {
  const { journal, options } = turn;
  await record(turn, { kind: 'compensate', path, trigger, failure });
  const { workflow, id } = journal.claim;
  options.log.warn(
    { workflow, id, scope: path, trigger, code: failure.code },
    'what was done is undone, the last step first',
  );
}

/** Counts and logs the end of a workflow. */
export function reportEnd({ journal, options }: Turn, outcome: 'completed' | 'compensated'): void {
  const { workflow, id } = journal.claim;
  instruments().calls.add(1, { [attributeNames.call]: workflow, [attributeNames.outcome]: outcome });
  options.log.info({ workflow, id, outcome }, 'a workflow has ended');
}

/** Undoes a path to its end, the last step first. It is one loop with one question: the next entry of the journal. */
export async function unfold(turn: Turn, path: string): Promise<void> {
  const { journal } = turn;
  for (;;) {
    const move = nextMove(journal.fold, path);
    switch (move.kind) {
      case 'resolve':
        await settle(turn, await boundOf(turn, move.step), move.step.step, 'undo');
        continue;
      case 'undo':
        await undoStep(turn, await boundOf(turn, move.step), move.step.step);
        continue;
      case 'noop': {
        const { step, path: of } = move.step;
        await record(turn, { kind: 'undone', step, path: of, outcome: 'noop_not_applied', by: 'journal' });
        continue;
      }
      case 'irreversible':
        return markStuck(turn, move.step, 'irreversible', move.reason);
      case 'close': {
        const kind = path === '' ? 'compensated' : 'scope_undone';
        await record(turn, { kind, path });
        if (path === '') reportEnd(turn, 'compensated');
        return;
      }
    }
  }
}

/** Returns the code of a step that the journal names. Without it the workflow waits for a process that has it. */
async function boundOf(turn: Turn, fold: StepFold): Promise<BoundStep> {
  const bound = turn.workflow.steps.get(stepNameOf(fold.path));
  if (bound !== undefined) return bound;
  const note = 'the code that is deployed does not declare it: deploy code that does';
  return markStuck(turn, fold, 'step_undeclared', note, { againInMs: slowMs(turn, 60) });
}
