import type { Transaction } from 'kysely';
import type { GaveUp, GivenUp } from '../decide/given-up.ts';
import type { Step } from '../decide/plan.ts';
import type { Partition, SliceContext } from './context.ts';
import type { Emitted } from './emitted.ts';
import { guarded } from './guarded.ts';
import { causeOf, failureEventId, type Letter } from './letter.ts';
import { knownKey } from './record-text.ts';
import { letterOf, parkedIdOf } from './place-steps.ts';
import { own } from './own.ts';

/**
 * Asks the subscriptions of events that are given up what they say to that, in the transaction that gives up. An event
 * that will wait behind its parked key is not given up yet.
 */
export async function askGivenUp<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  tx: Transaction<DB>,
  givenUp: ReadonlyMap<Step<DB>, GivenUp>,
  emitted: Emitted,
): Promise<ReadonlyMap<Step<DB>, GivenUp>> {
  const asked = new Map<Step<DB>, GivenUp>();
  for (const [step, why] of givenUp) {
    if (step.kind !== 'handle') continue;
    const line = knownKey(step.record, step.event) ?? parkedIdOf(partition, step);
    if (partition.held.has(line) && step.subscription.bypassParked !== true) continue;
    const letter = letterOf(partition, step, why);
    asked.set(step, { ...why, gaveUp: await askOne(context, tx, step, why, letter, emitted) });
  }
  return new Map([...givenUp, ...asked]);
}

/** What the subscription of one event says to its being given up. */
export async function askOne<DB>(
  context: SliceContext<DB>,
  tx: Transaction<DB>,
  { event, subscription }: Extract<Step<DB>, { kind: 'handle' }>,
  why: GivenUp,
  letter: Letter,
  emitted: Emitted,
): Promise<GaveUp> {
  const { handler, givenUp } = subscription;
  if (givenUp === undefined) return { kind: 'ordinary' };
  const guard = guarded(tx, handler);
  try {
    return await own('give_up', () =>
      givenUp(event, why, {
        tx: guard.tx,
        emit: (made, answers, as) => emitted.add(handler, made, answers, as),
        consumer: context.definition.name,
        handler,
        log: context.log,
        failureEventId: failureEventId(letter),
        attemptId: causeOf(letter),
      }),
    );
  } finally {
    guard.close();
  }
}
