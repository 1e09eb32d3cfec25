import { executorOf, type Executor } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { failpoint } from '@convergekit/core/engine';
import { ownedAttempt } from '@convergekit/resilience/engine';
import type { Transaction } from 'kysely';
import type { GiveUp, Subscription } from '../define/subscription.ts';
import type { Placed } from '../park/placement.ts';
import type { Step } from '../plan/plan.ts';
import { weigh, type Weight } from '../park/weigh.ts';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import type { Stand } from './fence-sql.ts';
import { type Deferral, unknownOf } from './deferral.ts';
import { lastMarks } from './marks.ts';
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
import { ownStatement, SliceFault } from './slice-errors.ts';
import { append, appendLast, failureEventOf } from '../attempt/failure-events.ts';
import { refuseAhead } from './refuse-ahead.ts';

/** The steps of one partition that take effect in one transaction. */
export interface Slice<DB> {
  readonly steps: readonly Step<DB>[];
  /** The position of the partition after the slice. */
  readonly next: Stand;
  /** Steps that are parked or given up instead of being handled. */
  readonly giveUps: ReadonlyMap<Step<DB>, GiveUp>;
  /** The failed attempts at the slice's only event, when it is retried. */
  readonly failed: readonly Attempt[];
  /** Number of this attempt, when the one event of this slice is processed alone. */
  readonly attempt?: number;
}

/** An event that took effect, and the handler that applied it. */
export type HandledEvent = Pick<Extract<Step<never>, { kind: 'handle' }>, 'event'> & {
  readonly subscription: Pick<Subscription<never>, 'handler' | 'kind'>;
};

/** The result of a committed slice. */
export interface Applied {
  readonly handled: readonly HandledEvent[];
  readonly duplicates: number;
  readonly skipped: number;
  /** Events that were parked. */
  readonly parked: number;
  readonly rejected: number;
  readonly deadLetters: number;
  /** Dead letters and rejections, whose failure events were emitted. */
  readonly reported: readonly DeadLetter[];
  /** Keys that are parked since this slice. */
  readonly opened: readonly string[];
  readonly weight: Weight;
}

/** A slice of one partition. */
export interface SlicePart<DB> {
  readonly partition: Partition;
  readonly slice: Slice<DB>;
  /** Aborts when the partition is lost. */
  readonly signal: AbortSignal;
}

/** A part, and what became of it. */
export interface AppliedPart<Part> {
  readonly part: Part;
  readonly applied: Applied;
}

/** The runs of a transaction of several partitions when the database requests a rerun; then each goes alone. */
const JOINT_RUNS = 2;

/**
 * Applies the slices of one partition or several, with the deferred events before them, in one transaction, which all of
 * them roll back together. Its steps: fences and watermarks → handlers in order → emitted events and failure events, by one
 * append → parked events → commit. Serialization failures (40001, 40P01) are repeated here; every other error rolls back
 * and is rethrown.
 */
export function applySlices<DB, Part extends SlicePart<DB>>(
  context: SliceContext<DB>,
  parts: readonly Part[],
): Promise<readonly AppliedPart<Part>[]> {
  const { clock, random, database } = context;
  const runs = parts.length > 1 ? { attempts: JOINT_RUNS } : {};
  // The consumer retries its events, so a call in a handler makes one attempt.
  return ownedAttempt(() =>
    kyselyTransaction(database.db, { clock, random, ...runs }, (tx) => inside(context, parts, tx)),
  );
}

async function inside<DB, Part extends SlicePart<DB>>(
  context: SliceContext<DB>,
  parts: readonly Part[],
  tx: Transaction<DB>,
): Promise<readonly AppliedPart<Part>[]> {
  const executor = executorOf(tx);
  const began = { now: context.clock.now(), monotonic: context.clock.monotonic() };
  const versions = await open(context, parts, executor);
  context.pace.opened(context.clock.monotonic() - began.monotonic);
  const emitted = new Emitted(context.definition.name);
  const all: PlacedPart<DB, Part>[] = [];
  for (const [at, part] of parts.entries())
    all.push(await placedOf<DB, Part>(context, part, versions[at] ?? '', tx, emitted));
  const calls = all.map(({ toHandle, part: { signal } }) => ({ steps: toHandle, signal }));
  await callHandlers(context, tx, calls, emitted, parts[0]?.slice.attempt);
  // A part whose partition was lost meanwhile may be committed, as its fence is locked; its new owner waits less without.
  if (parts.length > 1 && parts.some(({ signal }) => signal.aborted))
    throw new SliceFault({ kind: 'partition_lost' });
  const reported = all.flatMap((one) => one.reported);
  await limitGiveUps(context, executor, reported);
  const tried = { startedMs: began.now, durationMs: context.clock.monotonic() - began.monotonic };
  const rows = all.flatMap(({ part: { partition, slice }, toHandle, given }) => [
    ...appliedRows(partition, toHandle, slice.failed, tried),
    ...deadLetterAttempts(given),
  ]);
  await ownStatement('attempts', () => insertAttempts(executor, rows));
  const events = [...emitted.events, ...reported.map((deadLetter) => failureEventOf(context, deadLetter))];
  // Rows of gaps and of parked events come after the events, in every slice in the same order of locks.
  const isLast = all.every(
    ({ placed, steps }) => !placed.some(needsRow) && steps.every(({ passed }) => passed === undefined),
  );
  await (isLast ? appendLast(context, tx, events) : append(context, executor, events));
  const applied: AppliedPart<Part>[] = [];
  for (const one of all) applied.push({ part: one.part, applied: await kept(context, one, executor) });
  if (parts.length > 1) failpoint('inbox.before_joint_commit');
  failpoint('inbox.before_commit');
  return applied;
}

/** Moves the positions of all parts, or of none. Returns the versions of their registered types. */
async function open<DB>(
  { limits, serverVersion }: SliceContext<DB>,
  parts: readonly SlicePart<DB>[],
  executor: Executor,
): Promise<readonly string[]> {
  const moves = parts.map(({ partition: { key, saved, deferral }, slice: { steps, next } }) => {
    const marks = lastMarks([...(deferral?.marks ?? []), ...steps.map(({ mark }) => mark)]);
    return { key, expected: saved, next, marks };
  });
  const versions = await ownStatement('fence', () => openSlice(executor, moves, limits(), serverVersion));
  if (versions === undefined) throw new SliceFault({ kind: 'fence_lost' });
  return versions;
}

/** A part whose steps have their places. */
interface PlacedPart<DB, Part> {
  readonly part: Part;
  /** Without repeats of foreign events. */
  readonly steps: readonly Step<DB>[];
  readonly placed: readonly Placed<DB>[];
  readonly toHandle: readonly Step<DB>[];
  readonly weight: Weight;
  /** Events that are parked for a failure, or given up. */
  readonly given: readonly DeadLetter[];
  /** Dead letters and rejections, which emit failure events; events that may still take effect do not. */
  readonly reported: readonly DeadLetter[];
}

/** Decides what becomes of each step of a part. */
async function placedOf<DB, Part extends SlicePart<DB>>(
  context: SliceContext<DB>,
  part: Part,
  version: string,
  tx: Transaction<DB>,
  emitted: Emitted,
): Promise<PlacedPart<DB, Part>> {
  const executor = executorOf(tx);
  const { partition, slice } = part;
  const { key } = partition;
  if (!(await ownStatement('fill', () => takeFilled(executor, key, slice.steps))))
    throw new SliceFault({ kind: 'fence_lost' });
  await ownStatement('types', () =>
    refuseAhead(executor, partition, version, unknownOf(slice.steps, partition.deferral)),
  );
  const steps = await ownStatement('foreign', () => withoutRepeats(executor, key.consumer, slice.steps));
  const giveUps = await askGiveUps(context, partition, tx, slice.giveUps, emitted);
  const placed = await ownStatement('park', () => placeSteps(context, partition, steps, giveUps, executor));
  const weight = weigh(placed);
  context.parking.allow(weight);
  const toHandle = placed.flatMap(({ kind, step }) => (kind === 'handle' ? [step] : []));
  const parked = placed.filter((one) => one.kind === 'parkFirst' || one.kind === 'release');
  const given = parked.map(({ step, why }) => deadLetterOf(partition, step, why));
  const reported = given.filter((_, at) => parked[at]?.state !== 'waiting');
  return { part, steps, placed, toHandle, weight, given, reported };
}

/** Writes the rows of gaps and of parked events, and sums up what became of a part. */
async function kept<DB>(
  context: SliceContext<DB>,
  { part: { partition }, steps, placed, weight, reported }: PlacedPart<DB, SlicePart<DB>>,
  executor: Executor,
): Promise<Applied> {
  await ownStatement('gap', () => recordPassed(executor, context.definition, partition.key, steps));
  const { opened, inLog } = placed.some(needsRow)
    ? await ownStatement('park', () => parkEvents(context, partition, placed, executor))
    : { opened: [], inLog: { rows: 0, bytes: 0 } };
  const counts = countsOf(placed, partition.deferral);
  return { ...counts, reported, opened, weight: without(weight, inLog) };
}

/** Subtracts the events that are left in the log: they do not count towards the cap. */
function without(weight: Weight, { rows, bytes }: Pick<Weight, 'rows' | 'bytes'>): Weight {
  return { ...weight, rows: weight.rows - rows, bytes: weight.bytes - bytes };
}

/** Counts what a slice did with its events, and with the deferred ones before it. Pure. */
function countsOf<DB>(
  placed: readonly Placed<DB>[],
  deferral: Deferral | undefined,
): Omit<Applied, 'reported' | 'opened' | 'weight'> {
  const { duplicates = 0, skipped = 0 } = deferral ?? {};
  const counts = { duplicates, skipped, parked: 0, rejected: 0, deadLetters: 0 };
  const handled: HandledEvent[] = [];
  for (const one of placed)
    switch (one.kind) {
      case 'handle':
        if (one.step.kind === 'handle') handled.push(one.step);
        break;
      case 'pass':
        counts[one.step.kind === 'skip' && one.step.why === 'duplicate' ? 'duplicates' : 'skipped'] += 1;
        break;
      case 'parkBehind':
        counts.parked += 1;
        break;
      case 'parkFirst':
        counts[one.state === 'dead' ? 'deadLetters' : 'parked'] += 1;
        break;
      case 'release':
        counts[one.state === 'dead' ? 'deadLetters' : 'rejected'] += 1;
    }
  return { handled, ...counts };
}
