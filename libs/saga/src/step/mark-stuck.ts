import type { DomainEvent } from '@convergekit/contracts';
import { stuckEvent } from '@convergekit/contracts/engine';
import type { EmitAs } from '@convergekit/inbox/engine';
import type { Transaction } from 'kysely';
import type { Reason } from '../fence/decision-sql.ts';
import { applyTrigger, type TriggerRequest, type Transition } from '../fence/apply-trigger.ts';
import { countCompensation } from './count-compensation.ts';
import { formatSagaRef } from './saga-ref.ts';

/** The emit of a slice, or of the recording of an outcome. */
export type Emit = (event: DomainEvent, as: EmitAs) => void;

/** Marks a step as stuck, and emits the reason for observers in the same transaction. */
export async function markStuck<DB>(
  tx: Transaction<DB>,
  request: TriggerRequest,
  { code, text }: Reason,
  emit: Emit,
): Promise<Transition> {
  const stuck = { ...request, trigger: 'stuck' } as const;
  const transition = await countCompensation(tx, stuck, await applyTrigger(tx, stuck));
  const { emits, seq } = transition;
  if (emits === undefined) return transition;
  const { saga: name, version, instance, step, consumer, key } = request;
  const op = request.op === 'compensate' ? 'compensate' : 'apply';
  const of = { saga: { name, version, instance, step, op }, key: transition.row?.key ?? key, seq } as const;
  emit(stuckEvent(consumer)({ ...of, is: 'stuck', code, reason: text }), {
    id: emits,
    saga: formatSagaRef(request),
  });
  return transition;
}
