import { withTransaction } from '@convergekit/postgres';
import { failpoint } from '@convergekit/core/engine';
import type { Failure } from '@convergekit/core';
import { ownedAttempt, slowWait } from '@convergekit/resilience/engine';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import type { SliceContext } from '../slice/context.ts';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import { canRefetch } from '../attempt/refetch.ts';
import { faultOf, type GiveUpRefused, SliceFault } from '../slice/fault.ts';
import { report } from '../slice/report.ts';
import { aroundAttempts } from '../attempt/spans.ts';
import { type FailedTry, tryEvent, worst } from '../attempt/try-event.ts';
import { keepAttempts, stopped } from '../slice/commit-slice.ts';
import type { Attempt } from '../attempt/attempt.ts';
import { deadLetterAttempts } from '../attempt/attempt-rows.ts';
import { applyHead, type Drained, drainedOf, triedHead } from './apply-head.ts';
import { dropEmptyLine, type LeasedKey, leaveKey, renewLease } from './claim-sql.ts';
import { type Ended, endHead } from './end-head.ts';
import { noteFailed, readHead } from './head-sql.ts';
import { pauseForFaults } from './limit-give-ups.ts';
import { type NextDrain, nextDrain } from './next-drain.ts';
import { failureColumns } from './parked-row.ts';

export interface DrainBounds {
  readonly leaseMs: number;
  /** True once the service stops: the event in work is finished, no other begins. */
  readonly stopping: () => boolean;
}

/**
 * Processes a leased key, event by event, until it is released, must wait, or the lease is lost. Rejects when the consumer
 * cannot continue, and with the database's error during an outage: then the lease expires by itself.
 */
export async function drainKey<DB>(
  context: SliceContext<DB>,
  key: LeasedKey,
  { leaseMs, stopping }: DrainBounds,
): Promise<void> {
  const { database, clock } = context;
  for (let renewed = clock.monotonic(); ;) {
    if (stopping()) return leaveKey(database.executor, key, 0);
    if (clock.monotonic() - renewed > leaseMs / 4) {
      if (!(await renewLease(database.executor, key, leaseMs))) return leaveKey(database.executor, key, 0);
      renewed = clock.monotonic();
    }
    const first = await readHead(database.executor, key);
    if (first === undefined) {
      if (await withTransaction(database, { clock }, (tx) => dropEmptyLine(tx, key))) return;
      continue;
    }
    const drained = await drainedOf(context, key, first);
    failpoint('inbox.drain_claimed');
    if (!(await tryHead(drained))) return;
  }
}

/** Makes one attempt, with the spans of an attempt in place. True: the key continues with its next event now. */
function tryHead<DB>(drained: Drained<DB>): Promise<boolean> {
  const { context, key, head, step } = drained;
  const { database, definition, parking } = context;
  const record = { record: head.record, replaced: canRefetch(context, step) };
  return aroundAttempts(definition.name, [step], async () => {
    const outcome = await tryEvent(
      context,
      { handler: head.handler, failed: head.attempts, record },
      (one) => ownedAttempt(() => applyHead(drained, one)).catch(faultOf),
      (failure, attemptAs) => decide(drained, failure, attemptAs),
    );
    switch (outcome.kind) {
      case 'committed':
        failpoint('inbox.drain_after_commit');
        parking.drained(head.handler);
        report.drained(context, key.topic, head.handler);
        if (step.kind === 'handle') report.event(context, step);
        if (outcome.parkedMs !== undefined) report.recovered(key, 'key', outcome.parkedMs);
        return outcome.parkedMs === undefined;
      case 'failed':
        return afterFailure(drained, outcome);
      case 'fence_lost':
        // Another drain or an operator took the event, or its partition is paused: the key is due when that is resumed.
        await leaveKey(database.executor, key, 0);
        return false;
      case 'stop':
      case 'outage':
      case 'fence_held':
        throw outcome.error;
      case 'partition_lost':
      case 'too_long':
      case 'held_changed':
      case 'give_up_limit':
      case 'type_ahead':
      case 'pause':
        throw new SliceFault(outcome);
    }
  });
}

/** What follows a failed attempt; an event that is given up has ended already. */
type Decided = NextDrain & {
  /** Undefined for an event that was given up: another drain or an operator took it. */
  readonly ended?: Ended | undefined;
  /** Set when the event should be given up, and the limit of its consumer refused it. */
  readonly refused?: GiveUpRefused;
};

/** Decides what follows a failed attempt, and gives the event up if that is it: unless it is refused, which is a retry. */
async function decide<DB>(
  drained: Drained<DB>,
  failure: Failure,
  attemptAs: (next: NextDrain) => Attempt,
): Promise<Decided> {
  const { context, head, step } = drained;
  const { random, parking } = context;
  const policy = context.policyOf(head.handler);
  const { schedule } = parking.policy;
  const of = (category: string): number =>
    head.attempts.filter((one) => one.category === category).length + (failure.category === category ? 1 : 0);
  const bypasses = step.kind === 'handle' && step.subscription.bypassParked === true;
  const tried = { tries: head.tries + 1, elapsedMs: head.elapsedMs, of, bypasses };
  const next = nextDrain(failure, tried, { schedule, policy }, random);
  if (next.kind !== 'dead' && next.kind !== 'reject') return next;
  try {
    const deadLetter = deadLetterOf(drained, failure, attemptAs(next));
    return { ...next, ended: await endHead(drained, next.kind, deadLetter) };
  } catch (error) {
    const fault = faultOf(error);
    if (fault.kind !== 'give_up_limit') throw error;
    return { kind: 'retry', wait: slowWait(schedule, { attempt: tried.tries, random }), refused: fault };
  }
}

/** Acts on a failed attempt. True: the key continues with its next event now. */
async function afterFailure<DB>(
  drained: Drained<DB>,
  { failure, by, next, attempt }: FailedTry<Decided>,
): Promise<boolean> {
  const { context, key } = drained;
  const { executor } = context.database;
  const deadLetter = deadLetterOf(drained, failure, attempt);
  switch (next.kind) {
    case 'stop':
      await keepAttempts(context, deadLetterAttempts([deadLetter]));
      await leaveKey(executor, key, 0);
      throw stopped(context, failure, by);
    case 'pause':
      await leaveKey(executor, key, next.forMs);
      return false;
    case 'retry':
      await waitMore(drained, deadLetter, next.wait.computedMs);
      if (next.refused !== undefined) await pauseForFaults(context, next.refused);
      return false;
    case 'dead':
    case 'reject':
      if (next.ended?.reported === true) report.deadLetter(context, deadLetter);
      return next.ended?.continues === true;
  }
}

/** Records a failed attempt, and has the key wait. */
function waitMore<DB>(
  { context: { database, clock }, key, head }: Drained<DB>,
  deadLetter: DeadLetter,
  waitMs: number,
): Promise<void> {
  return withTransaction(database, { clock }, async (tx) => {
    // The event is locked first, then its key: the lock order of all transactions.
    if (!(await noteFailed(tx, head, failureColumns(deadLetter, false)))) return;
    await insertAttempts(tx, deadLetterAttempts([deadLetter]));
    await leaveKey(tx, key, waitMs);
  });
}

function deadLetterOf<DB>({ key, head, step }: Drained<DB>, failure: Failure, last: Attempt): DeadLetter {
  const attempts = [...head.attempts, last];
  const saga = step.kind === 'handle' ? step.subscription.memberOf?.(step.event) : undefined;
  return { ...triedHead(key, head), id: head.id, failure: worst(failure, attempts), saga, attempts };
}
