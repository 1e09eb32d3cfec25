import { executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { failpoint } from '@convergekit/core/engine';
import type { GiveUpDecision, GiveUp } from '../define/subscription.ts';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import { Emitted } from '../slice/emitted.ts';
import { askGiveUp } from './give-up.ts';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import { append, failureEventOf } from '../attempt/failure-events.ts';
import { deadLetterAttempts } from '../attempt/attempt-rows.ts';
import type { Drained } from './apply-head.ts';
import { holdLine, noteEnded, releaseLine, takeHeads } from './head-sql.ts';
import { limitGiveUps } from './limit-give-ups.ts';
import { failureColumns } from './parked-row.ts';

/** The result of giving up a parked event. */
export interface Ended {
  /** A failure event was emitted. */
  readonly reported: boolean;
  /** True when the key continues with its next event now. */
  readonly continues: boolean;
}

/**
 * Gives up a parked event in one transaction, unless its subscription resolves it otherwise. The transaction writes the
 * record and the failure event, and holds or releases the key. Undefined: another drain or an operator took the event.
 * Throws `give_up_limit` when the consumer may give up no more events for faults: then nothing was written.
 */
export function endHead<DB>(
  { context, key, head, step }: Drained<DB>,
  as: 'dead' | 'reject',
  deadLetter: DeadLetter,
): Promise<Ended | undefined> {
  const { database, clock, random, definition } = context;
  const state = as === 'reject' ? 'rejected' : 'dead';
  return kyselyTransaction(database.db, { clock, random }, async (tx) => {
    const executor = executorOf(tx);
    const emitted = new Emitted(key.consumer, head.run);
    const { failure, attempts } = deadLetter;
    const why: GiveUp = { as, failure, attempts };
    const decision: GiveUpDecision =
      step.kind === 'handle'
        ? await askGiveUp(context, tx, step, why, deadLetter, emitted)
        : { kind: 'ordinary' };
    const resolved = decision.kind === 'resolved';
    if (!resolved) await limitGiveUps(context, executor, [deadLetter]);
    const closed = decision.kind === 'closed' ? decision.because : undefined;
    const holds = state === 'dead' && definition.onDead === 'hold' && closed === undefined && !resolved;
    const ours = resolved
      ? await takeHeads(executor, key, [head])
      : await noteEnded(executor, head, failureColumns(deadLetter, true), { state, holds, closed });
    if (!ours) return undefined;
    await insertAttempts(executor, deadLetterAttempts([deadLetter]));
    const reported = resolved ? [] : [failureEventOf(context, deadLetter)];
    await append(context, tx, [...emitted.events, ...reported]);
    failpoint('inbox.drain_dead');
    if (holds) {
      await holdLine(executor, key);
      return { reported: true, continues: false };
    }
    return { reported: !resolved, continues: (await releaseLine(executor, key, head.seq)) === undefined };
  });
}
