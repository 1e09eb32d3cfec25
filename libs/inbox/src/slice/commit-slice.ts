import type { Failure } from '@convergekit/core';
import { ownedAttempt } from '@convergekit/resilience';
import { nextLimit, hasSeveral, splitByWork } from './slice-limit.ts';
import { nextAttempt } from '../attempt/next-attempt.ts';
import type { GiveUp } from '../define/subscription.ts';
import { watermarkOf } from '../plan/judge.ts';
import type { Step } from '../plan/plan.ts';
import { InboxError } from '../errors.ts';
import { applySlice, lastMarks, type Slice } from './apply-slice.ts';
import { aroundAttempts, attemptSpan } from '../attempt/spans.ts';
import type { Partition, SliceContext } from './context.ts';
import { type AttemptRow, insertAttempts } from '../attempt/attempt-sql.ts';
import type { Stand } from './fence-sql.ts';
import { type Attempt, attemptOf, numberAfter } from '../attempt/attempt.ts';
import { stoppedRows } from '../attempt/attempt-rows.ts';
import { type Fault, faultOf, type Pause } from './fault.ts';
import { canRefetch, refetched, wantsRefetch } from '../attempt/refetch.ts';
import { report } from './report.ts';

interface SettledSlice {
  readonly kind: 'settled';
  /** True when events of it were put behind their keys. */
  readonly behind: boolean;
}

/** `settled`: the partition stands behind the steps. Every other fault leaves it where it was. */
export type Settled = SettledSlice | Exclude<Fault, { kind: 'events' | 'too_long' | 'held_changed' }>;

/**
 * Optimistic batch, pessimistic isolation: the steps as one slice, and when a handler throws, one event a transaction,
 * so that only the event that fails is tried again and given up.
 */
export async function settle<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  steps: readonly Step<DB>[],
  signal: AbortSignal,
): Promise<Settled> {
  if (hasSeveral(steps) && !steps.some((step) => wantsRefetch(context, step))) {
    const outcome = await attempt(context, partition, whole(steps), signal);
    // Alone, the others of its slice get past an event that waits, or up to it.
    const isolates = outcome.kind === 'events' || outcome.kind === 'too_long' || outcome.kind === 'pause';
    if (!isolates) return outcome;
    partition.limit = 1;
    context.log.debug(
      {
        topic: partition.key.topic,
        partition: partition.key.partition,
        events: steps.length,
        reason: outcome.kind,
      },
      'isolating',
    );
  }
  for (const part of splitByWork(steps)) {
    const outcome = await aroundAttempts(context.definition.name, part, () =>
      settleOne(context, partition, part, signal),
    );
    if (outcome.kind !== 'settled') return outcome;
  }
  return { kind: 'settled', behind: false };
}

/** A part with one event at most: tried in place by policy, then given up. */
async function settleOne<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  part: readonly Step<DB>[],
  signal: AbortSignal,
): Promise<Settled> {
  let fresh = part.some((step) => wantsRefetch(context, step));
  let steps = fresh ? await allRefetched(context, part, signal) : part;
  const { clock, random } = context;
  const handler = handlerOf(steps);
  // Asked once: what is in flight keeps the policy that it began with.
  const policy = context.policyOf(handler);
  const started = clock.monotonic();
  const failed: Attempt[] = [];
  for (let reruns = 0; ;) {
    const at = { now: clock.now(), monotonic: clock.monotonic() };
    const number = numberAfter(failed);
    const span = attemptSpan(handler, number);
    const slice = { ...whole(steps), failed, attempt: number };
    const outcome = await span.run(() => attempt(context, partition, slice, signal));
    if (outcome.kind === 'too_long') throw new Error('a slice of one call cannot be too long');
    if (outcome.kind !== 'events') {
      // One whose key is parked was not called: it stands behind.
      span.end(outcome.kind !== 'settled' ? outcome.kind : outcome.behind ? 'park' : 'applied');
      return outcome;
    }
    const { failure } = outcome;
    const tried = { attempts: number, reruns, elapsedMs: clock.monotonic() - started };
    const next = nextAttempt(failure, tried, policy, random);
    if (next.kind === 'rerun') reruns += 1;
    const durationMs = clock.monotonic() - at.monotonic;
    const { traceparent } = span;
    const ended = attemptOf(failure, { number, startedMs: at.now, durationMs, next, traceparent });
    failed.push(ended);
    span.end(ended.outcome, ended);
    const { offset } = steps.find(({ kind }) => kind === 'handle')?.record ?? {};
    report.attempt(context, offset, handler, failure, ended);
    if (!fresh && failure.category === 'data' && steps.some((step) => canRefetch(context, step))) {
      fresh = true;
      steps = await allRefetched(context, steps, signal);
      continue;
    }
    switch (next.kind) {
      case 'pause':
        return { kind: 'pause', pause: breakerOpen(failure, next.forMs) };
      case 'stop':
        await keepAttempts(context, stoppedRows(partition, steps, failed));
        return { kind: 'stop', error: stopped(context, failure, outcome.handler) };
      case 'park':
      case 'dead':
      case 'reject': {
        const why = { as: next.kind, failure: worst(failure, failed), attempts: failed };
        return giveUp(context, partition, steps, why, signal);
      }
      case 'retry':
      case 'rerun':
        await clock.sleep(next.wait.computedMs, signal);
        if (signal.aborted) return { kind: 'partition_lost' };
    }
  }
}

function allRefetched<DB>(
  context: SliceContext<DB>,
  steps: readonly Step<DB>[],
  signal: AbortSignal,
): Promise<readonly Step<DB>[]> {
  return Promise.all(steps.map((step) => refetched(context, step, signal)));
}

function handlerOf<DB>(steps: readonly Step<DB>[]): string {
  const step = steps.find(({ kind }) => kind === 'handle');
  return step?.kind === 'handle' ? step.subscription.handler : 'none';
}

/** In a transaction of its own: whoever looks for the reason of the stop finds it; if it cannot be kept, the log has it. */
export async function keepAttempts<DB>(
  { database, log }: SliceContext<DB>,
  rows: readonly AttemptRow[],
): Promise<void> {
  await insertAttempts(database.executor, rows).catch((error: unknown) =>
    log.warn({ err: error }, 'the attempts before the stop were not kept'),
  );
}

/** One attempt of unknown outcome makes the whole unknown, whatever the last one said. */
export function worst(failure: Failure, attempts: readonly Attempt[]): Failure {
  return attempts.some(({ certainty }) => certainty === 'unknown')
    ? { ...failure, certainty: 'unknown' }
    : failure;
}

async function giveUp<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  steps: readonly Step<DB>[],
  why: GiveUp,
  signal: AbortSignal,
): Promise<Settled> {
  const failed = steps.find(({ kind }) => kind === 'handle');
  if (failed === undefined) return { kind: 'stop', error: why.failure.cause };
  const slice = { ...whole(steps), giveUps: new Map([[failed, why]]) };
  const outcome = await attempt(context, partition, slice, signal);
  // Without a handler in it, a refused letter is a fault of ours: going on would lose the event.
  if (outcome.kind === 'events') return { kind: 'stop', error: outcome.failure.cause };
  return outcome.kind === 'too_long' ? { kind: 'partition_lost' } : outcome;
}

/** Steps of which none is given up and none was tried before. */
function whole<DB>(steps: readonly Step<DB>[]): Omit<Slice<DB>, 'next'> {
  return { steps, giveUps: new Map(), failed: [] };
}

async function attempt<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  slice: Omit<Slice<DB>, 'next'>,
  signal: AbortSignal,
): Promise<SettledSlice | Exclude<Fault, { kind: 'held_changed' }>> {
  const { steps } = slice;
  const last = steps.at(-1);
  if (last === undefined) return { kind: 'settled', behind: false };
  const { nextOffset, fills } = partition;
  // What was filled has no place in the log: it leaves the partition where it stands there.
  const next =
    last.fill === undefined
      ? { nextOffset: last.record.offset + 1n, fills }
      : { nextOffset, fills: fills + 1n };
  const started = context.clock.monotonic();
  for (;;) {
    try {
      // The consumer tries again by itself: a call in a handler makes one attempt.
      const applied = await ownedAttempt(() => applySlice(context, partition, { ...slice, next }, signal));
      const tookMs = context.clock.monotonic() - started;
      advance(partition, steps, next);
      for (const line of applied.opened) partition.held.add(line);
      context.parking.settled(applied.weight);
      partition.limit = nextLimit(partition.limit, tookMs, context.bounds);
      report.applied(context, partition, applied, tookMs);
      report.resumed(context, partition);
      return { kind: 'settled', behind: applied.parked > 0 };
    } catch (error) {
      const fault = faultOf(error);
      if (fault.kind !== 'held_changed') return fault;
      for (const line of fault.released) partition.held.delete(line);
      for (const line of fault.parked) partition.held.add(line);
    }
  }
}

/** What the commit made true in the database becomes true here. */
function advance<DB>(partition: Partition, steps: readonly Step<DB>[], next: Stand): void {
  partition.nextOffset = next.nextOffset;
  partition.fills = next.fills;
  partition.outages = 0;
  partition.pauses = 0;
  partition.suspect = undefined;
  for (const mark of lastMarks(steps)) {
    const { source, position } = mark;
    const seen = new Map(partition.watermarks.get(source)).set(position.epoch, watermarkOf(mark));
    partition.watermarks.set(source, seen);
  }
}

/** The error by which a consumer stops: nothing of it can work. */
export function stopped<DB>(
  { definition }: SliceContext<DB>,
  failure: Failure,
  handler: string | undefined,
): InboxError {
  return new InboxError(
    'CONSUMER_STOPPED',
    `consumer ${definition.name} stopped, since no event of it can be handled: ${failure.message} (${failure.code}, in handler ${handler ?? 'commit'}). Nothing was given up; mend the setting or run the missing migration, then start it again`,
    { cause: failure.cause },
  );
}

function breakerOpen({ message }: Failure, forMs: number): Pause {
  return { code: 'breaker_open', reason: message, forMs };
}
