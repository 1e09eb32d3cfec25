import { executorOf, kyselyTransaction } from '@convergekit/postgres';
import { failpoint } from '@convergekit/core';
import type { GiveUpDecision, GiveUp } from '../define/subscription.ts';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import type { SliceContext } from '../slice/context.ts';
import { Emitted } from '../slice/emitted.ts';
import { askGiveUp } from './give-up.ts';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import { append, failureEventOf } from '../attempt/failure-events.ts';
import { deadLetterAttempts } from '../attempt/attempt-rows.ts';
import { headStep } from './apply-head.ts';
import type { LeasedKey } from './claim-sql.ts';
import { type Head, holdLine, noteEnded, releaseLine, takeHead } from './head-sql.ts';
import { failureColumns } from './parked-row.ts';

/** Whether a failure event told it, and whether its key goes on with its next event now. */
export interface Ended {
  readonly told: boolean;
  readonly goesOn: boolean;
}

/**
 * Gives a parked event up: told, in one transaction with its record, and its key held, gone on or released; unless its
 * subscription deals with it otherwise. Undefined: it is not ours any more.
 */
export function endHead<DB>(
  context: SliceContext<DB>,
  key: LeasedKey,
  head: Head,
  as: 'dead' | 'reject',
  deadLetter: DeadLetter,
): Promise<Ended | undefined> {
  const { database, clock, random, definition } = context;
  const state = as === 'reject' ? 'rejected' : 'dead';
  return kyselyTransaction(database.db, { clock, random }, async (tx) => {
    const executor = executorOf(tx);
    const emitted = new Emitted(key.consumer, head.run);
    const step = headStep(context, head);
    const { failure, attempts } = deadLetter;
    const why: GiveUp = { as, failure, attempts };
    const decision: GiveUpDecision =
      step.kind === 'handle'
        ? await askGiveUp(context, tx, step, why, deadLetter, emitted)
        : { kind: 'ordinary' };
    const resolved = decision.kind === 'resolved';
    const closed = decision.kind === 'closed' ? decision.because : undefined;
    const holds = state === 'dead' && definition.onDead === 'hold' && closed === undefined && !resolved;
    const ours = resolved
      ? await takeHead(executor, head)
      : await noteEnded(executor, head, failureColumns(deadLetter, true), { state, holds, closed });
    if (!ours) return undefined;
    await insertAttempts(executor, deadLetterAttempts([deadLetter]));
    await append(context, executor, [
      ...emitted.events,
      ...(resolved ? [] : [failureEventOf(context, deadLetter)]),
    ]);
    failpoint('inbox.drain_dead');
    if (holds) {
      await holdLine(executor, key);
      return { told: true, goesOn: false };
    }
    return { told: !resolved, goesOn: !(await releaseLine(executor, key, head.seq)) };
  });
}
