import { executorOf } from '@convergekit/postgres';
import type { Transaction } from 'kysely';
import { lastStop } from '../declare/declaration.ts';
import type { FenceFrom } from '../fence/fence.ts';
import { applyTrigger, type TriggerRequest, type Transition } from '../fence/apply-trigger.ts';
import { withdrawTimers } from '@convergekit/effects/engine';
import type { Member } from './member.ts';

/** Applies a trigger to the step's fence. A trigger that decides the step also withdraws its timers. */
export async function applyToStep<DB>(
  member: Member<DB>,
  tx: Transaction<DB>,
  request: TriggerRequest,
): Promise<Transition> {
  const transition = await applyTrigger(tx, request);
  if (transition.state !== transition.from && isDecided(transition.state) && hasTimers(member))
    await withdrawTimers(executorOf(tx), request);
  return transition;
}

/** True when neither a deadline nor a cancellation can change the step any more. */
export function isDecided(state: FenceFrom): boolean {
  switch (state) {
    case 'absent':
    case 'started':
    case 'unknown':
    case 'stuck':
      return false;
    case 'applied':
    case 'rejected':
    case 'failed_not_applied':
    case 'failed_applied':
    case 'tombstoned':
    case 'undo_pending':
    case 'undone':
    case 'forgotten':
      return true;
  }
}

function hasTimers<DB>({ declaration, step, handlers }: Member<DB>): boolean {
  return (
    handlers.external?.deadlineMs !== undefined ||
    (declaration.deadlineMs !== undefined && lastStop(declaration) === step)
  );
}
