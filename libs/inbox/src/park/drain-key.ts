import { withTransaction } from '@convergekit/postgres';
import { failpoint } from '@convergekit/core/engine';
import type { Failure } from '@convergekit/core';
import { ownedAttempt, slowWait } from '@convergekit/resilience/engine';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import type { SliceContext } from '../slice/context.ts';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import { canRefetch } from '../attempt/refetch.ts';
import { faultOf } from '../slice/fault.ts';
import type { GiveUpRefused } from '../slice/slice-errors.ts';
import { report } from '../slice/report.ts';
import { aroundAttempts, type AttemptSpan, attemptSpan } from '../attempt/spans.ts';
import { keepAttempts, stopped, worst } from '../slice/commit-slice.ts';
import { type Attempt, attemptOf, numberAfter } from '../attempt/attempt.ts';
import type { NextAttempt } from '../attempt/next-attempt.ts';
import { deadLetterAttempts } from '../attempt/attempt-rows.ts';
import { applyHead, headStep, triedHead, wholeHead } from './apply-head.ts';
import { dropEmptyLine, leaveKey, type LeasedKey, renewLease } from './claim-sql.ts';
import { endHead } from './end-head.ts';
import { type Head, noteFailed, readHead } from './head-sql.ts';
import { pauseForFaults } from './limit-give-ups.ts';
import { nextDrain } from './next-drain.ts';
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
    const head = await wholeHead(context, first);
    failpoint('inbox.drain_claimed');
    if (!(await tryHead(context, key, head))) return;
  }
}

/** Makes one attempt, with the spans of an attempt in place. True: the key continues with its next event now. */
function tryHead<DB>(context: SliceContext<DB>, key: LeasedKey, head: Head): Promise<boolean> {
  const { clock, definition, parking } = context;
  const step = headStep(context, head);
  return aroundAttempts(definition.name, [step], async () => {
    const number = numberAfter(head.attempts);
    const span = attemptSpan(head.handler, number);
    const { traceparent } = span;
    const began = { now: clock.now(), monotonic: clock.monotonic() };
    try {
      const parkedMs = await span.run(() =>
        ownedAttempt(() => applyHead(context, key, head, { step, number, traceparent })),
      );
      span.end('applied');
      failpoint('inbox.drain_after_commit');
      parking.drained(head.handler);
      report.drained(context, key.topic, head.handler);
      if (step.kind === 'handle') report.event(context, step);
      if (parkedMs !== undefined) report.recovered(key, 'key', parkedMs);
      return parkedMs === undefined;
    } catch (error) {
      const durationMs = clock.monotonic() - began.monotonic;
      return afterFailure(context, key, head, error, { number, startedMs: began.now, durationMs, span });
    }
  });
}

interface Took {
  readonly number: number;
  readonly startedMs: number;
  readonly durationMs: number;
  readonly span: AttemptSpan;
}

/** Decides what follows a failed attempt. True: the key continues with its next event now. */
async function afterFailure<DB>(
  context: SliceContext<DB>,
  key: LeasedKey,
  head: Head,
  error: unknown,
  took: Took,
): Promise<boolean> {
  const fault = faultOf(error);
  if (fault.kind !== 'events') took.span.end(fault.kind);
  switch (fault.kind) {
    case 'events':
      return giveUpOrWait(context, key, head, fault.failure, fault.handler, took);
    case 'fence_lost':
      // Another drain or an operator took the event, or its partition is paused: the key is due when that is resumed.
      await leaveKey(context.database.executor, key, 0);
      return false;
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
      throw error;
  }
}

async function giveUpOrWait<DB>(
  context: SliceContext<DB>,
  key: LeasedKey,
  head: Head,
  failure: Failure,
  handler: string | undefined,
  took: Took,
): Promise<boolean> {
  const { database, random, parking } = context;
  const policy = context.policyOf(head.handler);
  const { schedule } = parking.policy;
  const of = (category: string): number =>
    head.attempts.filter((one) => one.category === category).length + (failure.category === category ? 1 : 0);
  const step = headStep(context, head);
  const bypasses = step.kind === 'handle' && step.subscription.bypassParked === true;
  const tried = { tries: head.tries + 1, elapsedMs: head.elapsedMs, of, bypasses };
  const next = nextDrain(failure, tried, { schedule, policy }, random);
  const made = madeOf(context, head, failure, took, next);
  const { deadLetter } = made;
  switch (next.kind) {
    case 'stop':
      noteAttempt(context, head, failure, took, made);
      await keepAttempts(context, deadLetterAttempts([deadLetter]));
      await leaveKey(database.executor, key, 0);
      throw stopped(context, failure, handler);
    case 'pause':
      noteAttempt(context, head, failure, took, made);
      await leaveKey(database.executor, key, next.forMs);
      return false;
    case 'retry':
      noteAttempt(context, head, failure, took, made);
      await waitMore(context, key, head, deadLetter, next.wait.computedMs);
      return false;
    case 'dead':
    case 'reject': {
      const ended = await endHead(context, key, head, next.kind, deadLetter).catch(refusedOnly);
      if (ended !== undefined && 'kind' in ended) {
        const wait = slowWait(schedule, { attempt: tried.tries, random });
        const kept = madeOf(context, head, failure, took, { kind: 'retry', wait });
        noteAttempt(context, head, failure, took, kept);
        await waitMore(context, key, head, kept.deadLetter, wait.computedMs);
        await pauseForFaults(context, ended);
        return false;
      }
      noteAttempt(context, head, failure, took, made);
      if (ended?.reported === true) report.deadLetter(context, deadLetter);
      return ended?.continues === true;
    }
  }
}

/** Returns the refusal to give up one more event; every other error is thrown. */
function refusedOnly(error: unknown): GiveUpRefused {
  const fault = faultOf(error);
  if (fault.kind === 'give_up_limit') return fault;
  throw error;
}

function madeOf<DB>(
  context: SliceContext<DB>,
  head: Head,
  failure: Failure,
  { span, ...when }: Took,
  next: NextAttempt,
): Made {
  const attempt = attemptOf(failure, { ...when, next, traceparent: span.traceparent });
  const attempts = [...head.attempts, attempt];
  return { attempt, deadLetter: deadLetterOf(context, head, worst(failure, attempts), attempts) };
}

function noteAttempt<DB>(
  context: SliceContext<DB>,
  head: Head,
  failure: Failure,
  { span }: Took,
  { attempt }: Made,
): void {
  span.end(attempt.outcome, attempt);
  const replaced = canRefetch(context, headStep(context, head));
  report.attempt(context, { record: head.record, replaced }, head.handler, failure, attempt);
}

/** A failed attempt, and the event with it. */
interface Made {
  readonly attempt: Attempt;
  readonly deadLetter: DeadLetter;
}

/** Records a failed attempt, and has the key wait. */
function waitMore<DB>(
  { database, clock }: SliceContext<DB>,
  key: LeasedKey,
  head: Head,
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

function deadLetterOf<DB>(
  context: SliceContext<DB>,
  head: Head,
  failure: Failure,
  attempts: readonly Attempt[],
): DeadLetter {
  const step = headStep(context, head);
  const saga = step.kind === 'handle' ? step.subscription.memberOf?.(step.event) : undefined;
  return { ...triedHead(context.definition.name, head), id: head.id, failure, saga, attempts };
}
