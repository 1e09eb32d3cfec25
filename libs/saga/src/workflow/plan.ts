import { isWithin, type UndoOutcome } from './entry.ts';
import type { Fold, StepFold } from './fold.ts';

/**
 * The next action while a path is undone.
 * resolve       query a step's unknown outcome, before anything else
 * undo          call the step's undo · noop: the step had no effect · irreversible: an operator must act
 * close         everything in the path is undone
 */
export type Move =
  | { readonly kind: 'resolve' | 'undo' | 'noop'; readonly step: StepFold }
  | { readonly kind: 'irreversible'; readonly step: StepFold; readonly reason: string }
  | { readonly kind: 'close' };

/** Pure: the next move, strictly the last step first. */
export function nextMove({ steps }: Fold, frame: string): Move {
  const step = steps.findLast(({ path, state }) => isWithin(frame, path) && state !== 'undone');
  return step === undefined ? { kind: 'close' } : moveOf(step);
}

function moveOf(step: StepFold): Move {
  switch (step.state) {
    case 'intended':
    case 'unknown':
      return { kind: 'resolve', step };
    case 'failed':
      return { kind: 'noop', step };
    case 'done':
    case 'undoing':
      return step.undo.kind === 'irreversible'
        ? { kind: 'irreversible', step, reason: step.undo.reason }
        : { kind: 'undo', step };
    case 'undone':
      throw new RangeError(`step ${step.step} is undone: there is nothing left to do`);
  }
}

/** An undo, planned or ended. */
export interface PlannedMove {
  readonly step: number;
  readonly path: string;
  readonly does: 'resolve' | 'undo' | 'noop' | 'irreversible' | UndoOutcome;
}

/** Pure: what undoing everything does, in its order, and what of it has been done. */
export function planOf({ steps }: Fold): readonly PlannedMove[] {
  return steps
    .toReversed()
    .map((step) => ({ step: step.step, path: step.path, does: step.outcome ?? doesOf(step) }));
}

function doesOf(step: StepFold): PlannedMove['does'] {
  const { kind } = moveOf(step);
  return kind === 'close' ? 'noop' : kind;
}
