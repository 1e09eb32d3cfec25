import { runCode } from '@convergekit/core/engine';
import { awaitedStatements } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import type { GiveUp, GiveUpDecision } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';
import type { SliceContext } from '../slice/context.ts';
import type { Partition } from '../slice/partition.ts';
import type { Emitted } from '../slice/emitted.ts';
import { causeOf, type DeadLetter, failureEventId } from '../attempt/dead-letter.ts';
import { knownKey } from '../slice/record-text.ts';
import { deadLetterOf, parkedIdOf } from './place-steps.ts';
import { ownStatement } from '../slice/fault.ts';

/** Asks subscriptions about given-up events. One that will be queued behind its key is not given up yet. */
export async function askGiveUps<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  tx: Transaction<DB>,
  giveUps: ReadonlyMap<Step<DB>, GiveUp>,
  emitted: Emitted,
): Promise<ReadonlyMap<Step<DB>, GiveUp>> {
  const asked = new Map<Step<DB>, GiveUp>();
  for (const [step, why] of giveUps) {
    if (step.kind !== 'handle') continue;
    const line = knownKey(step.record, step.event) ?? parkedIdOf(partition, step);
    if (partition.standing.held.has(line) && step.subscription.bypassParked !== true) continue;
    const deadLetter = deadLetterOf(partition, step, why);
    asked.set(step, { ...why, decision: await askGiveUp(context, tx, step, why, deadLetter, emitted) });
  }
  return new Map([...giveUps, ...asked]);
}

/** Asks the subscription of one given-up event for its decision. */
export async function askGiveUp<DB>(
  context: SliceContext<DB>,
  tx: Transaction<DB>,
  { event, subscription }: Extract<Step<DB>, { kind: 'handle' }>,
  why: GiveUp,
  deadLetter: DeadLetter,
  emitted: Emitted,
): Promise<GiveUpDecision> {
  const { handler } = subscription;
  const decide = subscription.onGiveUp?.bind(subscription);
  if (decide === undefined) return { kind: 'ordinary' };
  const what = `handler ${handler}`;
  return ownStatement('give_up', () =>
    awaitedStatements(tx, what, (own) =>
      runCode(
        what,
        (err, line) => context.log.error({ err }, line),
        () =>
          decide(event, why, {
            tx: own,
            emit: (made, answers, as) => emitted.add(handler, made, answers, as),
            consumer: context.definition.name,
            handler,
            log: context.log,
            failureEventId: failureEventId(deadLetter),
            attemptId: causeOf(deadLetter),
          }),
      ),
    ),
  );
}
