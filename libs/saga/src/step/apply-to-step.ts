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
import { countCompensation } from './count-compensation.ts';
import type { Member } from './member.ts';
import { gatherMove } from './slice-writes.ts';

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
    handlers.external?.deadlineMs !== undefined ||
    (declaration.deadlineMs !== undefined && lastStop(declaration) === step)
  );
}
