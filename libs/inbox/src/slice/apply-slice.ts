import { executorOf, type Executor } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { failpoint } from '@convergekit/core/engine';
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
import { ownStatement, FenceLost, TypeAhead } from './slice-errors.ts';
import { append, appendLast, failureEventOf } from '../attempt/failure-events.ts';
import { readKnownTypes } from '../member/type-sql.ts';

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

/**
 * Applies a slice, and the deferred events before it, in one transaction. Its steps: fence and watermarks → handlers in
 * order → emitted events and failure events, by one append → parked events → commit. Serialization failures (40001,
 * 40P01) are repeated here; every other error rolls back and is rethrown.
 */
export function applySlice<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  slice: Slice<DB>,
  signal: AbortSignal,
): Promise<Applied> {
  const { clock, random, database } = context;
  return kyselyTransaction(database.db, { clock, random }, (tx) =>
    inside(context, partition, slice, tx, signal),
  );
}

async function inside<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  slice: Slice<DB>,
  tx: Transaction<DB>,
  signal: AbortSignal,
): Promise<Applied> {
  const executor = executorOf(tx);
  const { key } = partition;
  const began = { now: context.clock.now(), monotonic: context.clock.monotonic() };
  const { deferral } = partition;
  const marks = lastMarks([...(deferral?.marks ?? []), ...slice.steps.map(({ mark }) => mark)]);
  const move = { expected: partition.saved, next: slice.next, marks };
  const version = await ownStatement('fence', () =>
    openSlice(executor, key, move, context.limits(), context.serverVersion),
  );
  if (version === undefined) throw new FenceLost();
  context.pace.opened(context.clock.monotonic() - began.monotonic);
  if (!(await ownStatement('fill', () => takeFilled(executor, key, slice.steps)))) throw new FenceLost();
  await ownStatement('types', () =>
    refuseAhead(executor, partition, version, unknownOf(slice.steps, deferral)),
  );
  const steps = await ownStatement('foreign', () => withoutRepeats(executor, key.consumer, slice.steps));
  const emitted = new Emitted(key.consumer);
  const giveUps = await askGiveUps(context, partition, tx, slice.giveUps, emitted);
  const placed = await ownStatement('park', () => placeSteps(context, partition, steps, giveUps, executor));
  const weight = weigh(placed);
  context.parking.allow(weight);
  const toHandle = placed.flatMap(({ kind, step }) => (kind === 'handle' ? [step] : []));
  await callHandlers(context, tx, [{ steps: toHandle, signal }], emitted, slice.attempt);
  const parked = placed.filter((one) => one.kind === 'parkFirst' || one.kind === 'release');
  const given = parked.map(({ step, why }) => deadLetterOf(partition, step, why));
  // Dead letters and rejections emit failure events; events that may still take effect do not.
  const reported = given.filter((_, at) => parked[at]?.state !== 'waiting');
  await limitGiveUps(context, executor, reported);
  const durationMs = context.clock.monotonic() - began.monotonic;
  const rows = [
    ...appliedRows(partition, toHandle, slice.failed, { startedMs: began.now, durationMs }),
    ...deadLetterAttempts(given),
  ];
  await ownStatement('attempts', () => insertAttempts(executor, rows));
  const events = [...emitted.events, ...reported.map((deadLetter) => failureEventOf(context, deadLetter))];
  // Rows of gaps and of parked events come after the events, in every slice in the same order of locks.
  const isLast = !placed.some(needsRow) && steps.every(({ passed }) => passed === undefined);
  await (isLast ? appendLast(context, tx, events) : append(context, executor, events));
  await ownStatement('gap', () => recordPassed(executor, context.definition, key, steps));
  const { opened, inLog } = placed.some(needsRow)
    ? await ownStatement('park', () => parkEvents(context, partition, placed, executor))
    : { opened: [], inLog: { rows: 0, bytes: 0 } };
  failpoint('inbox.before_commit');
  return {
    ...countsOf(placed, deferral),
    reported,
    opened,
    weight: without(weight, inLog),
  };
}

/** Subtracts the events that are left in the log: they do not count towards the cap. */
function without(weight: Weight, { rows, bytes }: Pick<Weight, 'rows' | 'bytes'>): Weight {
  return { ...weight, rows: weight.rows - rows, bytes: weight.bytes - bytes };
}

/** Counts what a slice did with its events, and with the deferred ones before it. Pure. */
export function countsOf<DB>(
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

/**
 * Refuses to pass unknown types that another version handles: that version would lose their events. The version of the
 * registered types comes from the locked fence row, and types are read only when it has changed: a registration either
 * waits for this slice, or was seen by its lock.
 */
export async function refuseAhead(
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
  if (ahead.length > 0) throw new TypeAhead(ahead);
}
