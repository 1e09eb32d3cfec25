import { afterCommit } from '@convergekit/postgres/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Transaction } from 'kysely';
import type { Transition, TriggerRequest } from '../fence/apply-trigger.ts';

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
