import { executorOf } from '@convergekit/postgres';
import type { Transaction } from 'kysely';
import { lastStop } from '../declare/declaration.ts';
import type { FenceRow } from '../fence/fence-sql.ts';
import type { Gathered } from '@convergekit/inbox/engine';
import {
  applyToLocked,
  applyTrigger,
  decideMove,
  type TriggerRequest,
  type Transition,
} from '../fence/apply-trigger.ts';
import type { Member } from './member.ts';
import { gatherMove } from './slice-writes.ts';
import { afterCommit } from '@convergekit/postgres/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';

/** Applies a trigger to the step's fence, and withdraws the timers of a decided step. `row`: its fence, locked. */
export async function applyToStep<DB>(
  member: Member<DB>,
  tx: Transaction<DB>,
  request: TriggerRequest,
  row?: FenceRow,
): Promise<Transition> {
  const timed = { ...request, timed: hasTimers(member) };
  const transition =
    row === undefined ? await applyTrigger(tx, timed) : await applyToLocked(executorOf(tx), timed, row);
  return countCompensation(tx, request, transition);
}

/** Applies a trigger to a locked fence. The decisions are written together, when `gathered` is sent. */
export function applyInGroup<DB>(
  member: Member<DB>,
  gathered: Gathered<DB>,
  request: TriggerRequest,
  row: FenceRow,
): Transition {
  const { transition, move } = decideMove({ ...request, timed: hasTimers(member) }, row);
  if (move !== undefined) gatherMove(gathered, move);
  return transition;
}

export function hasTimers<DB>({ declaration, step, handlers }: Member<DB>): boolean {
  return (
    handlers.calling?.deadlineMs !== undefined ||
    (declaration.deadlineMs !== undefined && lastStop(declaration) === step)
  );
}

type Outcome = 'undone' | 'noop' | 'stuck';

/** Pure: the end of a compensation that a decision of the fence is. `noop`: there was nothing to undo. */
export function compensationOf(
  { op, trigger }: Pick<TriggerRequest, 'op' | 'trigger'>,
  { act, from, state, emits }: Pick<Transition, 'act' | 'from' | 'state' | 'emits'>,
): Outcome | undefined {
  if (trigger === 'stuck') return op === 'compensate' && emits !== undefined ? 'stuck' : undefined;
  // An undone event that could not be made before changes nothing: the end was counted then.
  if (act !== 'emit_undone' || from === state) return undefined;
  return from === 'undo_pending' && trigger === 'undone' ? 'undone' : 'noop';
}

/** Counts the end of a compensation once its transaction has been committed. */
export async function countCompensation<DB>(
  tx: Transaction<DB>,
  request: TriggerRequest,
  transition: Transition,
): Promise<Transition> {
  const outcome = compensationOf(request, transition);
  if (outcome === undefined) return transition;
  const labels = {
    [attributeNames.saga]: request.saga,
    [attributeNames.step]: request.step,
    [attributeNames.outcome]: outcome,
  };
  await afterCommit(tx, () => instruments().sagaCompensations.add(1, labels));
  return transition;
}
