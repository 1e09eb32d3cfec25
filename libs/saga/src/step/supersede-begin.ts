import { supersedeParked } from '@convergekit/inbox/engine';
import { executorOf } from '@convergekit/postgres';
import type { Transaction } from 'kysely';
import type { StepRun } from './member.ts';
import { factId } from './saga-ref.ts';

/** Supersedes the parked event that would have begun the step: its key must not wait. */
export async function supersedeBegin<DB>(
  { member: { declaration, step }, instance }: StepRun<DB>,
  tx: Transaction<DB>,
): Promise<void> {
  const before = declaration.stages[step.stage - 1]?.steps;
  const ids =
    before === undefined
      ? [instance]
      : before.map(({ name, saga }) => factId({ saga, instance, step: name }, 'success'));
  const why = `step ${step.name} of ${step.saga} was undone before it began`;
  for (const eventId of ids) await supersedeParked(executorOf(tx), { consumer: step.by, eventId }, why);
}
