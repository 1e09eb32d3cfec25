import { withTransaction } from '@convergekit/postgres';
import { failpoint } from '@convergekit/core/engine';
import type { Failure } from '@convergekit/core';
import { ownedAttempt, slowWait } from '@convergekit/resilience/engine';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import type { SliceContext } from '../slice/context.ts';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import { canRefetch } from '../attempt/refetch.ts';
import { type Fault, faultOf, type GiveUpRefused, SliceFault } from '../slice/fault.ts';
import { report } from '../slice/report.ts';
import { aroundAttempts } from '../attempt/spans.ts';
import { type FailedTry, tryEvent, worst } from '../attempt/try-event.ts';
import { keepAttempts, stopped } from '../slice/commit-slice.ts';
import type { Attempt } from '../attempt/attempt.ts';
import { deadLetterAttempts } from '../attempt/attempt-rows.ts';
import { applyHead, applyRun, type Drained, drainedOf, type Run, triedHead } from './apply-head.ts';
import { dropEmptyLine, type LeasedKey, leaveKey, renewLease } from './claim-sql.ts';
import { type Ended, endHead } from './end-head.ts';
import { noteFailed, readHeads } from './head-sql.ts';
import { pauseForFaults } from './limit-give-ups.ts';
import { firstPace, isolated, paceAfter, runOf } from './line-run.ts';
import { type NextDrain, nextDrain } from './next-drain.ts';
import { failureColumns } from './parked-row.ts';

export interface DrainBounds {
  readonly leaseMs: number;
  /** True once the service stops: the event in work is finished, no other begins. */
  readonly stopping: () => boolean;
}

/**
 * Processes a leased key, until it is released, must wait, or the lease is lost: an event that failed by itself, those that
 * wait behind it together. Rejects when the consumer cannot continue, and with the database's error during an outage: then
 * the lease expires by itself.
 */
export async function drainKey<DB>(
  context: SliceContext<DB>,
  key: LeasedKey,
  { leaseMs, stopping }: DrainBounds,
): Promise<void> {
  const { database, clock, bounds } = context;
  let pace = firstPace;
  for (let renewed = clock.monotonic(); ;) {
    if (stopping()) return leaveKey(database.executor, key, 0);
    if (clock.monotonic() - renewed > leaseMs / 4) {
      if (!(await renewLease(database.executor, key, leaseMs))) return leaveKey(database.executor, key, 0);
      renewed = clock.monotonic();
    }
    const [first, ...others] = await readHeads(database.executor, key, pace.limit);
    if (first === undefined) {
      if (await withTransaction(database, { clock }, (tx) => dropEmptyLine(tx, key))) return;
      continue;
    }
    const run = runOf(await drainedOf(context, key, [first, ...others]));
    failpoint('inbox.drain_claimed');
    const began = clock.monotonic();
    const outcome = run.length === 1 ? await tryHead(run[0]) : await tryRun(run);
    if (outcome === 'stop') return;
    pace =
      outcome === 'isolate'
        ? isolated(run.length)
        : paceAfter(pace, run.length, clock.monotonic() - began, bounds);
  }
}

/** `isolate`: the transaction of several events failed, and they are tried one by one · `stop`: the key is left. */
type Outcome = 'continue' | 'isolate' | 'stop';

/** Applies several events of a line in one transaction. What is at fault is found when each is tried by itself. */
async function tryRun<DB>(run: Run<DB>): Promise<Outcome> {
  const { context, key } = run[0];
  const outcome = await ownedAttempt(() => applyRun(run)).catch(faultOf);
  switch (outcome.kind) {
    case 'committed':
      return committed(run, outcome.parkedMs);
    case 'events':
    case 'too_long':
      context.log.trace({ topic: key.topic, events: run.length }, 'applying parked events one by one');
      return 'isolate';
    default:
      return leave(run[0], outcome);
  }
}

/** Makes one attempt at an event, with the spans of an attempt in place. */
function tryHead<DB>(drained: Drained<DB>): Promise<Outcome> {
  const { context, head, step } = drained;
  const record = { record: head.record, replaced: canRefetch(context, step) };
  return aroundAttempts(context.definition.name, [step], async () => {
    const outcome = await tryEvent(
      context,
      { handler: head.handler, failed: head.attempts, record },
      (one) => ownedAttempt(() => applyHead(drained, one)).catch(faultOf),
      (failure, attemptAs) => decide(drained, failure, attemptAs),
    );
    switch (outcome.kind) {
      case 'committed':
        return committed([drained], outcome.parkedMs);
      case 'failed':
        return (await afterFailure(drained, outcome)) ? 'continue' : 'stop';
      default:
        return leave(drained, outcome);
    }
  });
}

function committed<DB>(run: Run<DB>, parkedMs: number | undefined): Outcome {
  const { context, key } = run[0];
  failpoint('inbox.drain_after_commit');
  for (const { head, step } of run) {
    context.parking.drained(head.handler);
    report.drained(context, key.topic, head.handler);
    if (step.kind === 'handle') report.event(context, step);
  }
  if (parkedMs === undefined) return 'continue';
  report.recovered(key, 'key', parkedMs);
  return 'stop';
}

/** Leaves the key for a fault that is not of its events. */
async function leave<DB>(
  { context, key }: Drained<DB>,
  fault: Exclude<Fault, { kind: 'events' }>,
): Promise<'stop'> {
  switch (fault.kind) {
    case 'fence_lost':
      // Another drain or an operator took an event, or its partition is paused: the key is due when that is resumed.
      await leaveKey(context.database.executor, key, 0);
      return 'stop';
    case 'stop':
    case 'outage':
    case 'fence_held':
      throw fault.error;
    case 'partition_lost':
    case 'too_long':
    case 'held_changed':
    case 'give_up_limit':
    case 'type_ahead':
    case 'pause':
      throw new SliceFault(fault);
  }
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
