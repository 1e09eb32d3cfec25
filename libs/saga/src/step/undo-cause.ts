import { stored } from '../calls/work/decide.ts';
import type { FailureData } from '@convergekit/contracts/engine';
import type { Trigger } from '../declare/triggers.ts';
import type { Reason } from '../fence/decision-sql.ts';
import type { StepRun } from './member.ts';
import type { StoredEvent } from './stored-event.ts';

/** The cause of an undo. */
export interface UndoCause {
  readonly event: StoredEvent;
  readonly reason: Reason;
  readonly attemptId: string | undefined;
  /** The `traceparent` of the attempt, or of what refused the step. */
  readonly attemptTrace?: string | undefined;
  /** The operator who undid the effect or accepted it. */
  readonly actor?: string;
  readonly note?: string;
}

/** A step of a run that is to be undone. */
export interface StepUndo<DB> extends StepRun<DB> {
  readonly cause: UndoCause;
}

/** The reason of an undo: the failure or undone event that made it necessary. */
export function reasonOf(
  { fact, of, type }: Pick<Trigger, 'fact' | 'of' | 'type'>,
  failure: FailureData | undefined,
): Reason {
  const who = of?.name ?? 'the saga';
  if (failure !== undefined) {
    const { code, certainty, message } = stored(failure);
    return { code, text: `${who} failed (${certainty}): ${message}` };
  }
  return fact === 'undone'
    ? { code: 'UNDONE', text: `${who} was undone: ${type}` }
    : { code: 'REJECTED', text: `${who} was refused: ${type}` };
}
