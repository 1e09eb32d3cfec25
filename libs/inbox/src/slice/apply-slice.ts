import { type Executor, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { failpoint } from '@convergekit/core/engine';
import { ownedAttempt } from '@convergekit/resilience/engine';
import type { Transaction } from 'kysely';
import type { GiveUp } from '../define/subscription.ts';
import type { Placed } from '../park/placement.ts';
import type { Step } from '../plan/plan.ts';
import { type Sums, sumUp } from '../park/weigh.ts';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import type { Stand } from './fence-sql.ts';
import { unknownOf } from './deferral.ts';
import { lastMarks } from '../plan/judge.ts';
import { openSlice } from './open-slice-sql.ts';
import type { Attempt } from '../attempt/attempt.ts';
import { appliedRows, deadLetterAttempts } from '../attempt/attempt-rows.ts';
import { callHandlers } from './call-handlers.ts';
import type { SliceContext } from './context.ts';
import type { Partition } from './partition.ts';
import { Emitted } from './emitted.ts';
import { recordPassed, takeFilled } from '../gap/fill-sql.ts';
import { askGiveUps } from '../park/give-up.ts';
import { withoutRepeats } from './foreign-steps.ts';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import { limitGiveUps } from '../park/limit-give-ups.ts';
import { parkEvents } from '../park/park-events.ts';
import { deadLetterOf, needsRow, placeSteps } from '../park/place-steps.ts';
import { ownStatement, SliceFault } from './fault.ts';
import { append, failureEventOf } from '../attempt/failure-events.ts';
import { readKnownTypes } from '../member/type-sql.ts';

/** Steps of one partition, in the order of its log. */
export interface Part<DB> {
  readonly partition: Partition;
  readonly steps: readonly Step<DB>[];
  /** Aborts when the partition is lost. */
  readonly signal: AbortSignal;
}

/** The steps of one partition that take effect in one transaction. */
export interface Slice<DB> extends Part<DB> {
  /** The position of the partition after the slice. */
  readonly next: Stand;
  /** Steps that are parked or given up instead of being handled. */
  readonly giveUps: ReadonlyMap<Step<DB>, GiveUp>;
  /** The failed attempts at the slice's only event, when it is retried. */
  readonly failed: readonly Attempt[];
  /** Number of this attempt, when the one event of this slice is processed alone. */
  readonly attempt?: number;
}

export interface Applied<DB> extends Sums {
  readonly slice: Slice<DB>;
  /** Dead letters and rejections, whose failure events were emitted. */
  readonly reported: readonly DeadLetter[];
  /** Keys that are parked since this slice. */
  readonly opened: readonly string[];
}

/** The runs of a transaction of several partitions when the database requests a rerun; then each goes alone. */
const JOINT_RUNS = 2;

/**
 * Applies the slices of one partition or several, with the deferred events before them, in one transaction, which all of
 * them roll back together. Its steps: fences and watermarks → handlers in order → emitted events and failure events, by one
 * append → parked events → commit. Serialization failures (40001, 40P01) are repeated here; every other error rolls back
 * and is rethrown.
 */
export function applySlices<DB>(
  context: SliceContext<DB>,
  slices: readonly Slice<DB>[],
): Promise<readonly Applied<DB>[]> {
  const { clock, random, database } = context;
  const runs = slices.length > 1 ? { attempts: JOINT_RUNS } : {};
  // The consumer retries its events, so a call in a handler makes one attempt.
  return ownedAttempt(() =>
    kyselyTransaction(database.db, { clock, random, ...runs }, (tx) => inside(context, slices, tx)),
  );
}

async function inside<DB>(
  context: SliceContext<DB>,
  slices: readonly Slice<DB>[],
  tx: Transaction<DB>,
): Promise<readonly Applied<DB>[]> {
  const executor = executorOf(tx);
  const began = { now: context.clock.now(), monotonic: context.clock.monotonic() };
  const versions = await open(context, slices, executor);
  context.pace.opened(context.clock.monotonic() - began.monotonic);
  const emitted = new Emitted(context.definition.name);
  const all: PlacedSlice<DB>[] = [];
  for (const [at, slice] of slices.entries())
    all.push(await placedOf(context, slice, versions[at] ?? '', tx, emitted));
  const calls = all.map(({ toHandle, slice: { signal } }) => ({ steps: toHandle, signal }));
  const called = await callHandlers(context, tx, calls, emitted, slices[0]?.attempt);
  // A slice whose partition was lost meanwhile may be committed, as its fence is locked; its new owner waits less without.
  if (slices.length > 1 && slices.some(({ signal }) => signal.aborted))
    throw new SliceFault({ kind: 'partition_lost' });
  const reported = all.flatMap((one) => one.reported);
  await limitGiveUps(context, executor, reported);
  const tried = { startedMs: began.now, durationMs: context.clock.monotonic() - began.monotonic };
  const rows = all.flatMap(({ slice: { partition, failed }, toHandle, given }) => [
    ...appliedRows(partition, toHandle, failed, tried),
    ...deadLetterAttempts(given),
  ]);
  await ownStatement('attempts', () => insertAttempts(executor, rows));
  const events = [...emitted.events, ...reported.map((deadLetter) => failureEventOf(context, deadLetter))];
  // Rows of gaps and of parked events come after the events, in every slice in the same order of locks.
  const isLast = all.every(
    ({ placed, steps }) => !placed.some(needsRow) && steps.every(({ passed }) => passed === undefined),
  );
  await append(context, tx, events, { isLast });
  const applied: Applied<DB>[] = [];
  for (const one of all) applied.push(await kept(context, one, executor));
  called.end();
  if (slices.length > 1) failpoint('inbox.before_joint_commit');
  failpoint('inbox.before_commit');
  return applied;
}

/** Moves the positions of all slices, or of none. Returns the versions of their registered types. */
async function open<DB>(
  { limits, serverVersion }: SliceContext<DB>,
  slices: readonly Slice<DB>[],
  executor: Executor,
): Promise<readonly string[]> {
  const moves = slices.map(({ partition: { key, saved, deferral }, steps, next }) => {
    const marks = lastMarks([...(deferral?.marks ?? []), ...steps.map(({ mark }) => mark)]);
    return { key, expected: saved, next, marks };
  });
  const versions = await ownStatement('fence', () => openSlice(executor, moves, limits(), serverVersion));
  if (versions === undefined) throw new SliceFault({ kind: 'fence_lost' });
  return versions;
}

/** A slice whose steps have their places. */
interface PlacedSlice<DB> {
  readonly slice: Slice<DB>;
  /** Without repeats of foreign events. */
  readonly steps: readonly Step<DB>[];
  readonly placed: readonly Placed<DB>[];
  readonly toHandle: readonly Step<DB>[];
  readonly sums: Sums;
  /** Events that are parked for a failure, or given up. */
  readonly given: readonly DeadLetter[];
  /** Dead letters and rejections, which emit failure events; events that may still take effect do not. */
  readonly reported: readonly DeadLetter[];
}

/** Decides what becomes of each step of a slice. */
async function placedOf<DB>(
  context: SliceContext<DB>,
  slice: Slice<DB>,
  version: string,
  tx: Transaction<DB>,
  emitted: Emitted,
): Promise<PlacedSlice<DB>> {
  const executor = executorOf(tx);
  const { partition } = slice;
  const { key, deferral } = partition;
  if (!(await ownStatement('fill', () => takeFilled(executor, key, slice.steps))))
    throw new SliceFault({ kind: 'fence_lost' });
  await ownStatement('types', () =>
    refuseAhead(executor, partition, version, unknownOf(slice.steps, deferral)),
  );
  const steps = await ownStatement('foreign', () => withoutRepeats(executor, key.consumer, slice.steps));
  const giveUps = await askGiveUps(context, partition, tx, slice.giveUps, emitted);
  const placed = await ownStatement('park', () => placeSteps(context, partition, steps, giveUps, executor));
  const sums = sumUp(placed, deferral);
  context.parking.allow(sums.weight);
  const toHandle = placed.flatMap(({ kind, step }) => (kind === 'handle' ? [step] : []));
  const parked = placed.filter((one) => one.kind === 'parkFirst' || one.kind === 'release');
  const given = parked.map(({ step, why }) => deadLetterOf(partition, step, why));
  const reported = given.filter((_, at) => parked[at]?.state !== 'waiting');
  return { slice, steps, placed, toHandle, sums, given, reported };
}

/** Writes the rows of gaps and of parked events. */
async function kept<DB>(
  context: SliceContext<DB>,
  { slice, steps, placed, sums, reported }: PlacedSlice<DB>,
  executor: Executor,
): Promise<Applied<DB>> {
  const { partition } = slice;
  await ownStatement('gap', () => recordPassed(executor, context.definition, partition.key, steps));
  if (!placed.some(needsRow)) return { ...sums, slice, reported, opened: [] };
  const { opened, inLog } = await ownStatement('park', () =>
    parkEvents(context, partition, placed, executor),
  );
  // The events that are left in the log do not count towards the cap.
  const { rows, bytes } = sums.weight;
  const weight = { ...sums.weight, rows: rows - inLog.rows, bytes: bytes - inLog.bytes };
  return { ...sums, weight, slice, reported, opened };
}

/**
 * Refuses to pass unknown types that another version handles: that version would lose their events. The version of the
 * registered types comes from the locked fence row, and types are read only when it has changed: a registration either
 * waits for this slice, or was seen by its lock.
 */
async function refuseAhead(
  tx: Executor,
  partition: Partition,
  version: string,
  unknown: ReadonlySet<string>,
): Promise<void> {
  if (unknown.size === 0) return;
  const { consumer, topic, partition: number } = partition.key;
  if (partition.standing.known.version !== version) {
    const known = (await readKnownTypes(tx, consumer, [partition.key])).get(`${topic}/${number}`);
    if (known !== undefined) partition.typesRead(known);
  }
  const { types } = partition.standing.known;
  const ahead = [...unknown].filter((type) => types.has(type));
  if (ahead.length > 0) throw new SliceFault({ kind: 'type_ahead', types: ahead });
}
