import { failpoint } from '@convergekit/core/engine';
import { type Executor, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { appliedRows } from '../attempt/attempt-rows.ts';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import { appendLast } from '../attempt/failure-events.ts';
import { placeSteps } from '../park/place-steps.ts';
import type { Placed } from '../park/placement.ts';
import { weigh } from '../park/weigh.ts';
import { type Applied, countsOf, refuseAhead, type Slice } from './apply-slice.ts';
import { callHandlers } from './call-handlers.ts';
import type { SliceContext } from './context.ts';
import { unknownOf } from './deferral.ts';
import { Emitted } from './emitted.ts';
import { lastMarks } from './marks.ts';
import { openJoint } from './open-joint-sql.ts';
import type { Partition } from './partition.ts';
import { FenceLost, ownStatement, PartitionLost } from './slice-errors.ts';

/** The part of a partition in a joint slice. */
export interface JointPart<DB> {
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

/** The runs of a joint slice when the database requests a rerun; then each partition goes alone. */
const RUNS = 2;

/**
 * Applies the slices of several partitions in one transaction, which all of them roll back together. Their steps are those
 * that `mayJoin` accepts. Returns what became of each.
 */
export function applyJoint<DB, Part extends JointPart<DB>>(
  context: SliceContext<DB>,
  parts: readonly Part[],
): Promise<readonly AppliedPart<Part>[]> {
  const { clock, random, database } = context;
  return kyselyTransaction(database.db, { clock, random, attempts: RUNS }, (tx) =>
    inside(context, parts, tx),
  );
}

async function inside<DB, Part extends JointPart<DB>>(
  context: SliceContext<DB>,
  parts: readonly Part[],
  tx: Transaction<DB>,
): Promise<readonly AppliedPart<Part>[]> {
  const executor = executorOf(tx);
  const startedMs = context.clock.now();
  const started = context.clock.monotonic();
  await open(context, parts, executor);
  context.pace.opened(context.clock.monotonic() - started);
  const placed = await Promise.all(parts.map((part) => handledOf<DB, Part>(context, part, executor)));
  const emitted = new Emitted(context.definition.name);
  const called = placed.map(({ toHandle, part: { signal } }) => ({ steps: toHandle, signal }));
  await callHandlers(context, tx, called, emitted, undefined);
  // A part whose partition was lost meanwhile may be committed, as its fence is locked; its new owner waits less without.
  if (parts.some(({ signal }) => signal.aborted)) throw new PartitionLost();
  const durationMs = context.clock.monotonic() - started;
  const rows = placed.flatMap(({ part, toHandle }) =>
    appliedRows(part.partition, toHandle, [], { startedMs, durationMs }),
  );
  await ownStatement('attempts', () => insertAttempts(executor, rows));
  await appendLast(context, tx, emitted.events);
  failpoint('inbox.before_joint_commit');
  return placed.map(({ part, steps }) => ({ part, applied: appliedOf(part.partition, steps) }));
}

/** Moves the positions of all partitions, or none. */
async function open<DB>(
  context: SliceContext<DB>,
  parts: readonly JointPart<DB>[],
  executor: Executor,
): Promise<void> {
  const { definition, limits, serverVersion } = context;
  const moves = parts.map(({ partition: { key, saved, deferral }, slice: { steps, next } }) => {
    const marks = lastMarks([...(deferral?.marks ?? []), ...steps.map(({ mark }) => mark)]);
    return { key, expected: saved, next, marks };
  });
  const versions = await ownStatement('fence', () =>
    openJoint(executor, definition.name, moves, limits(), serverVersion),
  );
  if (versions === undefined) throw new FenceLost();
  for (const [at, { partition, slice }] of parts.entries()) {
    const unknown = unknownOf(slice.steps, partition.deferral);
    await ownStatement('types', () => refuseAhead(executor, partition, versions[at] ?? '', unknown));
  }
}

async function handledOf<DB, Part extends JointPart<DB>>(
  context: SliceContext<DB>,
  part: Part,
  executor: Executor,
) {
  const { partition, slice } = part;
  const steps = await placeSteps(context, partition, slice.steps, slice.giveUps, executor);
  const toHandle = steps.map(({ kind, step }) => {
    if (kind === 'handle' || kind === 'pass') return step;
    throw new Error(`a joint slice cannot park an event (${kind}): mayJoin must refuse it`);
  });
  return { part, steps, toHandle };
}

function appliedOf<DB>(partition: Partition, placed: readonly Placed<DB>[]): Applied {
  const weight = weigh(placed);
  const counts = countsOf(placed, partition.deferral);
  return { ...counts, reported: [], opened: [], weight };
}
