import { type Executor, executorOf } from '@converge/postgres';
import type { Transaction } from 'kysely';
import { lockFence } from '../fence/fence-sql.ts';
import { meetFence } from '../fence/meet-fence.ts';
import type { StoredFailure, StuckReason } from '../work/work.ts';
import type { StepInput } from './ask-for-call.ts';
import { keyOf, type Member } from './member.ts';

const stateSql = `
  select state from converge.saga_fence where saga = $1 and instance = $2 and step = $3`;

/** A call that nobody has made yet is not made any more once its step is to be undone. By the primary key, no lock. */
export async function covered(executor: Executor, text: string): Promise<StoredFailure | undefined> {
  const { saga, instance, step } = JSON.parse(text) as StepInput;
  const { rows } = await executor.query<{ state: string }>(stateSql, [saga, instance, step]);
  if (rows[0]?.state !== 'undo_pending') return undefined;
  const message = 'it was to be undone before its call was made';
  return { category: 'business', certainty: 'not_applied', code: 'COVERED', message };
}

/** Nobody knows what became of it and nobody can be asked: its step waits for a person. */
export function stuckApply<DB>(member: Member<DB>) {
  return (tx: Transaction<DB>, text: string, reason: StuckReason): Promise<void> =>
    stick(member, tx, text, reason, 'apply');
}

export function stuckUndo<DB>(member: Member<DB>) {
  return (tx: Transaction<DB>, text: string, reason: StuckReason): Promise<void> =>
    stick(member, tx, text, reason, 'compensate');
}

/** An undo that fails and fails: a person should know. It goes on being tried. */
export function lateUndo<DB>(member: Member<DB>) {
  return async (tx: Transaction<DB>, text: string): Promise<boolean> => {
    const row = await lockFence(executorOf(tx), JSON.parse(text) as StepInput);
    if (row?.state !== 'undo_pending' || row.stuck) return false;
    await stick(member, tx, text, 'undo_failing', 'compensate');
    return true;
  };
}

async function stick<DB>(
  member: Member<DB>,
  tx: Transaction<DB>,
  text: string,
  reason: StuckReason | 'undo_failing',
  op: 'apply' | 'compensate',
): Promise<void> {
  const { instance, events = [], cause } = JSON.parse(text) as StepInput;
  const event = cause?.event ?? events[0];
  await meetFence(tx, {
    ...keyOf(member, instance),
    consumer: member.step.by,
    key: event?.key ?? instance,
    op,
    trigger: 'stuck',
    causeEvent: event?.id ?? instance,
    causeAttempt: cause?.attemptId,
    outcome: reason,
  });
}
