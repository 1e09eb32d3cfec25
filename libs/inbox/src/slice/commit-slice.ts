import type { Failure } from '@convergekit/core';
import { hasSeveral, splitByWork } from './slice-limit.ts';
import { nextAttempt } from '../attempt/next-attempt.ts';
import type { GiveUp } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';
import { InboxError } from '../errors.ts';
import { aroundAttempts } from '../attempt/spans.ts';
import { tryEvent, worst } from '../attempt/try-event.ts';
import { attemptSlice, type CommittedSlice, sliceOf } from './attempt-slice.ts';
import type { SliceContext } from './context.ts';
import { type Partition, placeOf } from './partition.ts';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import { type Attempt, numberAfter } from '../attempt/attempt.ts';
import { type AttemptRow, stoppedRows } from '../attempt/attempt-rows.ts';
import type { Fault } from './slice-errors.ts';
import { canRefetch, refetched, wantsRefetch } from '../attempt/refetch.ts';
import { type FailedRecord, report } from './report.ts';

/** `committed`: the partition moved past the steps. Every other kind leaves it where it was. */
export type SliceResult = CommittedSlice | Exclude<Fault, { kind: 'events' | 'too_long' | 'held_changed' }>;

/** Saves the position of the deferred events, if there are any, in a transaction. */
export async function saveDeferred<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  signal: AbortSignal,
): Promise<SliceResult> {
  if (partition.deferral === undefined) return { kind: 'committed', parked: false };
  const outcome = await attemptSlice(context, sliceOf(partition, [], signal));
  // No handler runs, so no event can be at fault.
  if (outcome.kind === 'events') return { kind: 'outage', error: outcome.failure.cause };
  return outcome.kind === 'too_long' ? { kind: 'partition_lost' } : outcome;
}

/**
 * Commits the steps as one transaction, with the deferred events before them. When a handler throws, each event gets a
 * transaction, so that only the failing event is retried and given up.
 */
export async function commitSlice<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  steps: readonly Step<DB>[],
  signal: AbortSignal,
): Promise<SliceResult> {
  if (steps.length === 0) return saveDeferred(context, partition, signal);
  if (hasSeveral(steps) && !steps.some((step) => wantsRefetch(context, step))) {
    const outcome = await attemptSlice(context, sliceOf(partition, steps, signal));
    // The events are handled singly up to the one that must wait.
    const { kind } = outcome;
    const isolates = kind === 'events' || kind === 'too_long' || kind === 'pause' || kind === 'give_up_limit';
    if (!isolates) return outcome;
    partition.isolate();
    const why = { events: steps.length, reason: outcome.kind };
    context.log.trace({ ...placeOf(partition), ...why }, 'processing events one by one');
  }
  for (const part of splitByWork(steps)) {
    const outcome = await aroundAttempts(context.definition.name, part, () =>
      commitOne(context, partition, part, signal),
    );
    if (outcome.kind !== 'committed') return outcome;
  }
  return { kind: 'committed', parked: false };
}

/** Processes a part with at most one event: retried in place by policy, then given up. */
async function commitOne<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  part: readonly Step<DB>[],
  signal: AbortSignal,
): Promise<SliceResult> {
  let fresh = part.some((step) => wantsRefetch(context, step));
  let steps = fresh ? await allRefetched(context, part, signal) : part;
  const { clock, random } = context;
  const { handler, bypasses } = handledBy(steps);
  // Read once: an event in flight keeps the policy that it began with.
  const policy = context.policyOf(handler);
  const started = clock.monotonic();
  const failed: Attempt[] = [];
  for (let reruns = 0; ;) {
    const outcome = await tryEvent(
      context,
      { handler, failed, record: failedRecord(steps, fresh) },
      ({ number }) => attemptSlice(context, sliceOf(partition, steps, signal, { failed, attempt: number })),
      (failure) => {
        const elapsedMs = clock.monotonic() - started;
        const tried = { attempts: numberAfter(failed), reruns, elapsedMs, bypasses };
        return nextAttempt(failure, tried, policy, random);
      },
    );
    if (outcome.kind === 'too_long') throw new Error('a slice of one call cannot be too long');
    if (outcome.kind !== 'failed') {
      if (outcome.kind === 'committed' && !outcome.parked && failed[0] !== undefined)
        report.recovered(partition.key, 'event', clock.monotonic() - started - failed[0].durationMs);
      return outcome;
    }
    const { failure, next } = outcome;
    failed.push(outcome.attempt);
    if (next.kind === 'rerun') reruns += 1;
    if (!fresh && failure.category === 'data' && steps.some((step) => canRefetch(context, step))) {
      fresh = true;
      steps = await allRefetched(context, steps, signal);
      continue;
    }
    switch (next.kind) {
      case 'pause':
        return { kind: 'pause', pause: { code: 'breaker_open', reason: failure.message, forMs: next.forMs } };
      case 'stop':
        await keepAttempts(context, stoppedRows(partition, steps, failed));
        return { kind: 'stop', error: stopped(context, failure, outcome.by) };
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

function failedRecord<DB>(steps: readonly Step<DB>[], fresh: boolean): FailedRecord {
  const step = steps.find(({ kind }) => kind !== 'skip');
  return { record: step?.record, ...(fresh && step?.kind === 'handle' ? { current: step.event.data } : {}) };
}

function allRefetched<DB>(
  context: SliceContext<DB>,
  steps: readonly Step<DB>[],
  signal: AbortSignal,
): Promise<readonly Step<DB>[]> {
  return Promise.all(steps.map((step) => refetched(context, step, signal)));
}

/** The handler of the one event, and whether a parked key does not hold it back. */
function handledBy<DB>(steps: readonly Step<DB>[]): { readonly handler: string; readonly bypasses: boolean } {
  const step = steps.find(({ kind }) => kind === 'handle');
  if (step?.kind !== 'handle') return { handler: 'none', bypasses: false };
  const { handler, bypassParked = false } = step.subscription;
  return { handler, bypasses: bypassParked };
}

/** Records the attempts before a stop, in their own transaction. If that fails, the log still has the reason. */
export async function keepAttempts<DB>(
  { database, log }: SliceContext<DB>,
  rows: readonly AttemptRow[],
): Promise<void> {
  await insertAttempts(database.executor, rows).catch((error: unknown) =>
    log.warn({ err: error }, 'the attempts before the stop could not be recorded'),
  );
}

async function giveUp<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  steps: readonly Step<DB>[],
  why: GiveUp,
  signal: AbortSignal,
): Promise<SliceResult> {
  const failed = steps.find(({ kind }) => kind === 'handle');
  if (failed === undefined) return { kind: 'stop', error: why.failure.cause };
  const slice = sliceOf(partition, steps, signal, { giveUps: new Map([[failed, why]]) });
  const outcome = await attemptSlice(context, slice);
  // A refused dead letter is a fault of the kit, since no handler runs here: to continue would lose the event.
  if (outcome.kind === 'events') return { kind: 'stop', error: outcome.failure.cause };
  return outcome.kind === 'too_long' ? { kind: 'partition_lost' } : outcome;
}

/** The error that stops a consumer because none of its events can be handled. */
export function stopped<DB>(
  { definition }: SliceContext<DB>,
  failure: Failure,
  handler: string | undefined,
): InboxError {
  return new InboxError(
    'CONSUMER_STOPPED',
    `consumer ${definition.name} stopped, since no event of it can be handled: ${failure.message} (${failure.code}, in handler ${handler ?? 'commit'}). Nothing was given up; fix the setting or run the missing migration, then start it again`,
    { cause: failure.cause },
  );
}
