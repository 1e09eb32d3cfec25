import type { Failure } from '@convergekit/core';
import { hasSeveral, splitByWork } from './slice-parts.ts';
import { nextAttempt } from '../attempt/next-attempt.ts';
import type { GiveUp } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';
import { InboxError } from '../errors.ts';
import { aroundAttempts } from '../attempt/spans.ts';
import { tryEvent, worst } from '../attempt/try-event.ts';
import { type Applied, applySlices, type Part, type Slice } from './apply-slice.ts';
import type { SliceContext } from './context.ts';
import { type Partition, placeOf } from './partition.ts';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import { type Attempt, numberAfter } from '../attempt/attempt.ts';
import { type AttemptRow, stoppedRows } from '../attempt/attempt-rows.ts';
import { type Fault, faultOf } from './fault.ts';
import { canRefetch, refetched, wantsRefetch } from '../attempt/refetch.ts';
import { type FailedRecord, report } from './report.ts';
import type { Stand } from './fence-sql.ts';
import { lastMarks } from '../plan/judge.ts';

/** `committed`: the partition moved past the steps. Every other kind leaves it where it was. */
export type SliceResult = CommittedSlice | Exclude<Fault, { kind: 'events' | 'too_long' | 'held_changed' }>;

/** Saves the position of the deferred events, if there are any, in a transaction. */
export async function saveDeferred<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  signal: AbortSignal,
): Promise<SliceResult> {
  if (partition.deferral === undefined) return { kind: 'committed', parked: false };
  const outcome = await attemptSlice(context, sliceOf({ partition, steps: [], signal }));
  // No handler runs, so no event can be at fault.
  if (outcome.kind === 'events') return { kind: 'outage', error: outcome.failure.cause };
  return outcome.kind === 'too_long' ? { kind: 'partition_lost' } : outcome;
}

/** Commits the steps as one transaction; when a handler throws, each by itself, so that one alone is retried. */
export async function commitSlice<DB>(context: SliceContext<DB>, whole: Part<DB>): Promise<SliceResult> {
  const { partition, steps, signal } = whole;
  if (steps.length === 0) return saveDeferred(context, partition, signal);
  if (hasSeveral(steps) && !steps.some((step) => wantsRefetch(context, step))) {
    const outcome = await attemptSlice(context, sliceOf(whole));
    // The events are handled singly up to the one that must wait.
    const { kind } = outcome;
    const isolates = kind === 'events' || kind === 'too_long' || kind === 'pause' || kind === 'give_up_limit';
    if (!isolates) return outcome;
    partition.isolate();
    const why = { events: steps.length, reason: outcome.kind };
    context.log.trace({ ...placeOf(partition), ...why }, 'processing events one by one');
  }
  for (const some of splitByWork(steps)) {
    const outcome = await aroundAttempts(context.definition.name, some, () =>
      commitOne(context, { partition, steps: some, signal }),
    );
    if (outcome.kind !== 'committed') return outcome;
  }
  return { kind: 'committed', parked: false };
}

/** Processes a part with at most one event: retried in place by policy, then given up. */
async function commitOne<DB>(context: SliceContext<DB>, given: Part<DB>): Promise<SliceResult> {
  const { partition, signal } = given;
  let fresh = given.steps.some((step) => wantsRefetch(context, step));
  let part = fresh ? await allRefetched(context, given) : given;
  const { clock, random } = context;
  // A parked key does not hold back what bypasses it.
  const handled = part.steps.find((step) => step.kind === 'handle')?.subscription;
  const [handler, bypasses] = [handled?.handler ?? 'none', handled?.bypassParked === true];
  // Read once: an event in flight keeps the policy that it began with.
  const policy = context.policyOf(handler);
  const started = clock.monotonic();
  const failed: Attempt[] = [];
  for (let reruns = 0; ;) {
    const outcome = await tryEvent(
      context,
      { handler, failed, record: failedRecord(part.steps, fresh) },
      ({ number }) => attemptSlice(context, sliceOf(part, { failed, attempt: number })),
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
    if (!fresh && failure.category === 'data' && part.steps.some((step) => canRefetch(context, step))) {
      fresh = true;
      part = await allRefetched(context, part);
      continue;
    }
    switch (next.kind) {
      case 'pause':
        return { kind: 'pause', pause: { code: 'breaker_open', reason: failure.message, forMs: next.forMs } };
      case 'stop':
        await keepAttempts(context, stoppedRows(partition, part.steps, failed));
        return { kind: 'stop', error: stopped(context, failure, outcome.by) };
      case 'park':
      case 'dead':
      case 'reject': {
        const why = { as: next.kind, failure: worst(failure, failed), attempts: failed };
        return giveUp(context, part, why);
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

async function allRefetched<DB>(context: SliceContext<DB>, part: Part<DB>): Promise<Part<DB>> {
  const steps = await Promise.all(part.steps.map((step) => refetched(context, step, part.signal)));
  return { ...part, steps };
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

async function giveUp<DB>(context: SliceContext<DB>, part: Part<DB>, why: GiveUp): Promise<SliceResult> {
  const failed = part.steps.find(({ kind }) => kind === 'handle');
  if (failed === undefined) return { kind: 'stop', error: why.failure.cause };
  const outcome = await attemptSlice(context, sliceOf(part, { giveUps: new Map([[failed, why]]) }));
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

export interface CommittedSlice {
  readonly kind: 'committed';
  /** True when some of the slice's events were parked instead of handled. */
  readonly parked: boolean;
}

/** Makes a slice of steps, of which none is given up and none failed before, unless `more` says so. */
export function sliceOf<DB>(
  part: Part<DB>,
  more: Partial<Pick<Slice<DB>, 'giveUps' | 'failed' | 'attempt'>> = {},
): Slice<DB> {
  const next = standAfter(part.partition.standing, part.steps.at(-1));
  return { ...part, next, giveUps: new Map(), failed: [], ...more };
}

/** Applies slices in one transaction. A partition that cannot be moved after the commit rejects by itself. */
export async function commitTogether<DB>(
  context: SliceContext<DB>,
  slices: readonly Slice<DB>[],
): Promise<readonly Promise<CommittedSlice>[]> {
  const started = context.clock.monotonic();
  const all = await applySlices(context, slices);
  const tookMs = context.clock.monotonic() - started;
  return all.map(
    (applied) => new Promise<CommittedSlice>((resolve) => resolve(moveOn(context, applied, tookMs))),
  );
}

/** Applies a slice once, in a transaction of its own, with the parked keys as they are. */
export async function attemptSlice<DB>(
  context: SliceContext<DB>,
  slice: Slice<DB>,
): Promise<CommittedSlice | Exclude<Fault, { kind: 'held_changed' }>> {
  for (;;) {
    try {
      const [moved] = await commitTogether(context, [slice]);
      if (moved === undefined) throw new Error('a slice was applied without a result');
      return await moved;
    } catch (error) {
      const fault = faultOf(error);
      if (fault.kind !== 'held_changed') return fault;
      slice.partition.heldChanged(fault);
    }
  }
}

/** Moves a partition past a slice that was committed. */
function moveOn<DB>(context: SliceContext<DB>, applied: Applied<DB>, tookMs: number): CommittedSlice {
  const { slice, opened, weight, parked } = applied;
  const { partition, steps, next } = slice;
  const marks = lastMarks(steps.map(({ mark }) => mark));
  const ended = partition.committed({ next, marks, opened, tookMs });
  context.parking.committed(weight);
  report.applied(context, applied, tookMs);
  if (ended !== undefined) report.resumed(context, partition, ended);
  return { kind: 'committed', parked: parked > 0 };
}

/** The position after a step. Filled events have no offset in the log, so they leave the partition's offset unchanged. */
export function standAfter<DB>({ nextOffset, fills }: Stand, last: Step<DB> | undefined): Stand {
  if (last === undefined) return { nextOffset, fills };
  return last.fill === undefined
    ? { nextOffset: last.record.offset + 1n, fills }
    : { nextOffset, fills: fills + 1n };
}
