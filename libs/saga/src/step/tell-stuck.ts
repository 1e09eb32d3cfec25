import { type DomainEvent, stuckEvent } from '@convergekit/contracts';
import type { EmitAs } from '@convergekit/inbox/engine';
import type { Transaction } from 'kysely';
import type { Reason } from '../fence/fence-sql.ts';
import { meetFence, type Meeting, type Met } from '../fence/meet-fence.ts';
import { formatStory } from './story.ts';

/** As a slice's or a settlement's. */
export type Emit = (event: DomainEvent, as: EmitAs) => void;

/** The step waits for a person from here on; in the same transaction observers are told, and why. */
export async function tellStuck<DB>(
  tx: Transaction<DB>,
  meeting: Meeting,
  { code, text }: Reason,
  emit: Emit,
): Promise<Met> {
  const met = await meetFence(tx, { ...meeting, trigger: 'stuck' });
  const { emits, seq } = met;
  if (emits === undefined) return met;
  const { saga: name, version, instance, step, consumer, key } = meeting;
  const op = meeting.op === 'compensate' ? 'compensate' : 'apply';
  const of = { saga: { name, version, instance, step, op }, key: met.row?.key ?? key, seq } as const;
  emit(stuckEvent(consumer)({ ...of, is: 'stuck', code, reason: text }), {
    id: emits,
    saga: formatStory(meeting),
  });
  return met;
}
